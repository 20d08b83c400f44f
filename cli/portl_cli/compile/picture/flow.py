"""A definition read as a person would tell it: one state after another, forks that meet again, side ways out of a state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portl.jobs import decode_spec

State = Mapping[str, Any]
MOST_ERRORS = 3
"""Names of errors that the picture writes out."""
_END = ""
"""Where every way ends; no state has this name."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where a caught error leads: states of their own, then back to the same state, to another (``jump``), or to the end."""

    errors: str
    flow: Flow
    back: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """One state. ``inner`` are the flows inside a Map or Parallel; ``committed`` says that a transaction's commit is past."""

    name: str
    state: State
    sides: tuple[Side, ...] = ()
    inner: tuple[Flow, ...] = ()
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a Choice and the condition for it."""

    label: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class Fork:
    """A Choice and its ways up to where they meet."""

    choice: Leaf
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """Parts one after the other. ``jump`` is a state elsewhere that the last part leads to; ``open`` that something follows."""

    parts: tuple[Leaf | Fork, ...]
    jump: str | None = None
    open: bool = True


def read_flow(definition: State) -> Flow:
    """The flow of a definition that the engine's check has passed; every state stands in it once."""
    return _Reader(definition, committed=False).all()


def is_transaction(state: State) -> bool:
    """Whether a state commits several steps together."""
    return "unit" in _payload(state)


def is_stage(state: State) -> bool:
    """Whether a state puts a chunk's records aside for a transaction."""
    return "stage" in _payload(state)


def step_of(state: State) -> dict[str, Any]:
    """The step that a Task runs, as the job says it; empty for any other state."""
    found: dict[str, Any] = decode_spec(_payload(state).get("step", {}))
    return found


def groups_of(state: State) -> list[tuple[str, list[dict[str, Any]]]]:
    """A transaction's steps by the records they go over (empty when they go over none)."""
    payload = _payload(state)
    if "groups" not in payload:
        return [("each record of the chunk", decode_spec(payload["steps"]))]
    return [(_over(group), decode_spec(group["steps"])) for group in payload["groups"]]


def _over(group: Mapping[str, Any]) -> str:
    source = str(group.get("rows_of") or group.get("rows", "")).strip("{%} $")
    return f"each record of {source}" if source else ""


def _payload(state: State) -> Mapping[str, Any]:
    arguments = state.get("Arguments")
    found = arguments.get("Payload") if isinstance(arguments, Mapping) else None
    return found if isinstance(found, Mapping) else {}


class _Reader:
    def __init__(self, scope: State, *, committed: bool) -> None:
        self._start: str = scope["StartAt"]
        self._states: Mapping[str, State] = scope["States"]
        self._main = self._reached(self._start)
        self._placed: set[str] = set()
        self._after = {name: self._meets(name) for name in self._main if self._states[name]["Type"] == "Choice"}
        self._committed = committed

    def all(self) -> Flow:
        return self._flow(self._start, None, frozenset())

    def _reached(self, start: str) -> set[str]:
        found, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [target for _, target in ways_of(self._states[name])]
        return found

    def _meets(self, choice: str) -> str | None:
        """The first state that every way out of a Choice passes: its nearest post-dominator."""
        everything = self._main | {_END}
        behind = {name: everything if name else {_END} for name in everything}
        changed = True
        while changed:
            changed = False
            for name in self._main:
                targets = [target for _, target in ways_of(self._states[name])] or [_END]
                found = {name} | set.intersection(*(behind[target] for target in targets))
                changed = changed or found != behind[name]
                behind[name] = found
        rest = behind[choice] - {choice}
        nearest = max(rest, key=lambda name: len(behind[name]), default=_END)
        return nearest or None

    def _flow(self, start: str | None, stop: str | None, avoid: frozenset[str] | set[str]) -> Flow:
        parts: list[Leaf | Fork] = []
        name = start
        while name is not None and name != stop and name not in self._placed and name not in avoid:
            self._placed.add(name)
            state = self._states[name]
            if state["Type"] == "Choice" and name in self._after:
                parts.append(self._fork(name, state))
                name = self._after[name]
            else:
                parts.append(self._leaf(name, state))
                name = state.get("Next")
        elsewhere = name if name is not None and name != stop else None
        return Flow(tuple(parts), elsewhere, open=stop is not None and name == stop)

    def _fork(self, name: str, state: State) -> Fork:
        meeting = self._after[name]
        ways = [Way(label, self._flow(target, meeting, frozenset())) for label, target in ways_of(state)]
        return Fork(Leaf(name, state, committed=self._committed), tuple(ways))

    def _leaf(self, name: str, state: State) -> Leaf:
        committed = self._committed
        inner = tuple(_Reader(scope, committed=committed).all() for scope in _scopes(state))
        leaf = Leaf(name, state, tuple(self._sides(name, state)), inner, committed)
        self._committed = committed or is_transaction(state)
        return leaf

    def _sides(self, name: str, state: State) -> Iterator[Side]:
        for catch in state.get("Catch", ()):
            flow = self._flow(catch["Next"], None, self._main)
            back = flow.jump == name
            yield Side(_named(catch["ErrorEquals"]), Flow(flow.parts, None if back else flow.jump), back)


def _named(errors: list[str]) -> str:
    """The errors of a Catch: a long list would be wider than the picture."""
    return " ".join(errors) if len(errors) <= MOST_ERRORS else f"{errors[0]} and {len(errors) - 1} more"


def ways_of(state: State) -> list[tuple[str, str]]:
    """Where a state leads when nothing fails: ``(condition, name)``."""
    ways = [(str(choice["Condition"]).strip("{%} "), choice["Next"]) for choice in state.get("Choices", ())]
    if "Default" in state:
        ways.append(("otherwise", state["Default"]))
    if "Next" in state:
        ways.append(("", state["Next"]))
    return ways


def _scopes(state: State) -> list[State]:
    if state["Type"] == "Map":
        return [state["ItemProcessor"]]
    return list(state.get("Branches", ()))
