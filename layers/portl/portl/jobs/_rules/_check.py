"""What every rule is given: the job, where its parts stand, and what was found so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from portl.errors import TemplateError
from portl.jobs._diagnostics import Diagnostic
from portl.jobs._mending import NOTHING_BROKEN, Broken
from portl.jobs._models import Batch, Job, StepSpec
from portl.jobs._yaml import Document, Path
from portl.values import Compiled, Reference, compile_value


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A step where it stands: ``at`` counts in the order of the file, ``around`` are the conditionals and the branch taken."""

    step: StepSpec
    path: Path
    at: int
    around: tuple[tuple[Placed, str], ...] = ()

    @property
    def name(self) -> str:
        """The name under which expressions read the result."""
        return self.step.name

    @property
    def batch_around(self) -> Batch | None:
        """The batch of the nearest conditional around the step that has one."""
        return next((outer.step.batch for outer, _ in reversed(self.around) if outer.step.batch), None)

    @property
    def batch(self) -> Batch | None:
        """The batch the step runs in: its own, or that of the conditional around it."""
        return self.step.batch or self.batch_around

    def opposite(self, other: Placed) -> bool:
        """Whether the two stand in different branches of one conditional."""
        mine = {id(outer): branch for outer, branch in self.around}
        return any(mine.get(id(outer), branch) != branch for outer, branch in other.around)


@dataclass(slots=True)
class Check:
    """One file under check."""

    job: Job
    file: str
    document: Document
    connections: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    broken: Broken = NOTHING_BROKEN
    functions: Collection[str] | None = None
    """The folders of functions/ that a connection may name; None when nobody knows."""
    findings: list[Diagnostic] = field(default_factory=list)
    steps: tuple[Placed, ...] = ()
    named: dict[str, list[Placed]] = field(default_factory=dict)

    reads: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    """What each text reads: several rules ask, and compiling is what takes the time."""

    def __post_init__(self) -> None:
        self.steps = tuple(_placed(self.job.steps, ("steps",), (), _Counter()))
        for each in self.steps:
            self.named.setdefault(each.name, []).append(each)

    def add(self, path: Path, code: str, message: str, hint: str = "", *, offset: int | None = None, key: bool = False) -> None:
        """Notes a finding at a value (or key) of the file, or at the character ``offset`` of its text."""
        line, column = self.document.place(path, offset=offset, key=key)
        self.findings.append(Diagnostic(self.file, line, column, code, message, hint, path))

    def declared(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Every connection that this file declares, those of profiles included, with its place."""
        written = self.document.value.get("connections") or {} if isinstance(self.document.value, dict) else {}
        for name, spec in self.job.connections.items():
            if name in written:
                yield ("connections", name), spec
        for profile, specs in self.job.profiles.items():
            for name, spec in specs.items():
                yield ("profiles", profile, name), spec

    def found(self, *codes: str) -> bool:
        """Whether one of the codes was found already."""
        return any(each.code in codes for each in self.findings)

    def leaves(self, placed: Placed) -> Iterator[tuple[Path, str]]:
        """Every text of a step that may hold expressions, with its place."""
        for where, value in placed.step.expressions():
            yield from leaves(value, (*placed.path, *where))

    def references(self, placed: Placed) -> Iterator[tuple[Path, tuple[Reference, ...]]]:
        """What each text of a step reads, its batch left out; nothing where the text cannot be compiled."""
        for path, text in self.leaves(placed):
            if text not in self.reads:
                compiled = compiled_or_none(text)
                self.reads[text] = compiled.references if compiled else ()
            yield path, self.reads[text]


class _Counter:
    def __init__(self) -> None:
        self.at = -1

    def next(self) -> int:
        self.at += 1
        return self.at


def _placed(
    steps: Iterable[StepSpec], path: Path, around: tuple[tuple[Placed, str], ...], counter: _Counter
) -> Iterator[Placed]:
    for place, step in enumerate(steps):
        each = Placed(step, (*path, place), counter.next(), around)
        yield each
        for branch, inner in step.branches():
            yield from _placed(inner, (*each.path, branch), (*around, (each, branch)), counter)


def leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts of a JSON value, each with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(item, (*path, at))
    elif isinstance(value, str):
        yield path, value


def compiled_or_none(text: str, functions: Mapping[str, Any] | None = None) -> Compiled | None:
    """The text compiled, or None when it cannot be: that is told by one rule only."""
    try:
        return compile_value(text, functions=functions)
    except TemplateError:
        return None
