"""How ``on_error: dead_letter`` stands in a machine: whose letters a Task looks at, and what takes what a function cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from portl.jobs import StepSpec, encode_spec, walk_steps
from portl_cli.compile.segments import Branch, Chunks, Transaction, Unit

State = dict[str, Any]
FOLDER = "dead_letter"
COUNT = "dead_letters"
"""The variable of a child that counts its letters; no step can have this name."""
ENDED = ["Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout"]
"""A function that ended without an answer, besides the errors of Lambda's own that are tried again.

``States.ALL`` would take ``Permanent`` too: a wrong environment, a fault of Portl, a step of the same unit that says ``fail``.
None of these is a record's fault, and as letters nobody would see them.
"""
_FAILED = "$states.result.Payload.failed"


@dataclass(slots=True)
class Child:
    """The Map under way: its units in the order in which they run, and how many of them were written."""

    source: str
    places: list[tuple[str, tuple[str, str] | None]]
    counts: bool
    written: int = 0


@dataclass(slots=True)
class Letters:
    """The dead letters of one machine, while it is written from its beginning to its end."""

    _of: dict[str, list[str]] = field(default_factory=dict)
    _child: Child | None = None

    def before(self, source: str | None) -> State:
        """What a Task over these records is told: the earlier steps whose letters it leaves out."""
        found = self._of.get(source or "", [])
        return {"after": [*found]} if found else {}

    def enter(self, chunks: Chunks) -> None:
        """A Map begins."""
        places = list(_places(chunks.units))
        counts = any(_says(step) for unit in chunks.units for step in walk_steps(_steps(unit)))
        self._child = Child(chunks.source, places, counts)

    def told(self) -> State:
        """What the next Task of the Map is told."""
        return self.before(self._child.source if self._child else None)

    def count(self, state: State, steps: Sequence[StepSpec]) -> None:
        """Lets a Task of the Map count its letters, and those behind it look for them."""
        child = self._child
        if child is None:
            return
        own = [step.id for step in steps if _says(step)]
        if child.counts and (own or not child.written):
            state.setdefault("Assign", {})[COUNT] = self._sum(_FAILED if own else "0")
        child.written += 1
        self._of.setdefault(child.source, []).extend(own)

    def _sum(self, more: str) -> str:
        return f"{{% {more} %}}" if self._child is None or not self._child.written else f"{{% ${COUNT} + {more} %}}"

    def answer(self, last: State) -> str | None:
        """What a child with letters ends with: what its last state assigns, else what was assigned before; None without."""
        if self._child is None or not self._child.counts:
            return None
        return str(last.get("Assign", {}).get(COUNT, f"{{% ${COUNT} %}}"))

    def catch(self, name: str, function_errors: Sequence[str]) -> State:
        """The Catch of a Task whose step says dead_letter."""
        caught = {"error": "{% $states.errorOutput %}", "attempts": "{% $states.context.State.RetryCount + 1 %}"}
        return {
            "ErrorEquals": ["Transient", "Throttled", "Conflict", *function_errors, *ENDED],
            "Output": {"at": "{% $states.input %}", "caught": caught},
            "Next": name,
        }

    def payload(self, payload: State, unit: str, steps: Sequence[StepSpec]) -> State:
        """What the function is asked that writes the letters of a chunk; ``payload`` is that of the Task that failed."""
        own = next(step.id for step in steps if _says(step))
        first, rest = self._here()
        step: State = {"id": f"letters_of_{own}", "type": FOLDER, "of": own, "unit": unit, "first": first, "rest": rest}
        told: State = {name: payload[name] for name in ("after", "mask", "row_stores") if name in payload}
        return {"at": "{% $states.input.at %}", "caught": "{% $states.input.caught %}", "step": encode_spec(step), **told}

    def _here(self) -> tuple[str, list[State]]:
        """The unit that is being written, and those behind it."""
        assert self._child is not None  # noqa: S101 - only a Map's Tasks have letters
        (first, _), *rest = self._child.places[self._child.written :]
        return first, [{"step": step, **({"mask": list(mask)} if mask else {})} for step, mask in rest]

    def ending(self) -> str:
        """The output of a child that ended with letters of a Task that its function could not finish."""
        return self._sum(_FAILED)


def says_so(steps: Sequence[StepSpec]) -> bool:
    """Whether one of the steps keeps records aside."""
    return any(_says(step) for step in steps)


def _says(step: StepSpec) -> bool:
    return step.on_error == "dead_letter"


def _steps(unit: Unit) -> tuple[StepSpec, ...]:
    return unit.steps if isinstance(unit, Transaction) else (unit.step,)


def _places(units: Sequence[Unit]) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """The first step of every unit with the branch it stands in, in the order in which they run."""
    for unit in units:
        yield _steps(unit)[0].id, unit.mask
        if isinstance(unit, Branch):
            for _, inner in unit.branches:
                yield from _places(inner)
