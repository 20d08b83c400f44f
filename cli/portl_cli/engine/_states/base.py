"""What the states share: a visit, and what it ends with."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from portl_cli.engine._clock import Clock, timestamp
from portl_cli.engine._concurrency import Halt
from portl_cli.engine._data import measured
from portl_cli.engine._failure import Overtime
from portl_cli.engine._history import Trail
from portl_cli.engine._jsonata import Bindings
from portl_cli.engine._variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from portl_cli.engine._data import Json
    from portl_cli.engine._history import History, Listener
    from portl_cli.engine._host import FunctionHost
    from portl_cli.engine._limits import Limits
    from portl_cli.engine._retry import Catcher, Retrier
    from portl_cli.engine._value import Value


@dataclass(frozen=True, slots=True)
class Step:
    """The end of a visit: the state's output, the variables it assigns, and the next state (None ends the region)."""

    output: Json
    assign: Mapping[str, Json]
    target: str | None


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out of a state, as its definition writes it: Output, Assign and Next."""

    output: Value | None
    assign: Value | None
    target: str | None

    def leave(self, bindings: Bindings, default: Json) -> Step:
        """Evaluates Output and Assign, which both see the variables as they were before."""
        assigned = self.assign.evaluate(bindings) if self.assign else {}
        return Step(self.output.evaluate(bindings) if self.output else default, assigned, self.target)


class State(Protocol):
    """A state, made ready. Only Task, Map and Parallel have retriers and catchers."""

    kind: ClassVar[str]

    @property
    def name(self) -> str: ...

    @property
    def retriers(self) -> tuple[Retrier, ...]: ...

    @property
    def catchers(self) -> tuple[Catcher, ...]: ...

    def run(self, visit: Visit) -> Step:
        """One attempt.

        Raises:
            Failure: the state failed.
        """


@dataclass(frozen=True, slots=True)
class Region:
    """States that run together: a machine's own, a Map's processor, a branch of a Parallel."""

    start_at: str
    states: Mapping[str, State]


@dataclass(slots=True)
class Run:
    """What all executions of one run share; ``transitions`` counts states entered and attempts made again, in all of them.

    ``gate`` lets as many Tasks through at once as the host has slots, so that no Task's time runs while it waits for one.
    """

    machine: str
    host: FunctionHost
    clock: Clock
    random: Random
    listener: Listener
    limits: Limits
    gate: threading.Semaphore
    deadline: datetime | None = None
    transitions: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, seconds: float, halt: Halt) -> None:
        """Waits.

        Raises:
            Overtime: the machine's time is over before the wait is; the time left was waited.
            Aborted: the halt was called; the rest was not waited.
        """
        left = seconds if self.deadline is None else (self.deadline - self.clock.now()).total_seconds()
        self.clock.sleep(max(0.0, min(seconds, left)), halt.pause)
        halt.check()
        if seconds > left:
            raise Overtime

    def may_go_on(self, halt: Halt) -> None:
        """Raises Aborted when the halt was called, Overtime when the machine's time is over."""
        halt.check()
        if self.deadline is not None and self.clock.now() > self.deadline:
            raise Overtime

    def until(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    def count_transition(self) -> None:
        with self._lock:
            self.transitions += 1

    def measured(self, data: Json, state: str) -> str:
        """The JSON text of a state's input or output; Failure when it is larger than a state may be given."""
        return measured(data, state, self.limits.state)


@dataclass(slots=True)
class Scope:
    """Where states run: an execution, or inside one an item of an inline Map or a branch. ``name`` is the execution's.

    What runs at once has a scope each; ``trail`` is its path through the history, ``halt`` what ends it early.
    """

    run: Run
    name: str
    history: History
    context: dict[str, Json]
    variables: Variables = field(default_factory=Variables)
    halt: Halt = field(default_factory=Halt)
    trail: Trail = field(default_factory=Trail)

    def inner(self, trail: Trail, halt: Halt, **context: Json) -> Scope:
        """A scope that reads the variables of this one and keeps what it assigns to itself."""
        merged = {**self.context, **context}
        return Scope(self.run, self.name, self.history, merged, Variables(self.variables), halt, trail)


class Walker(Protocol):
    """What runs the states inside a state."""

    def walk(self, region: Region, data: Json, scope: Scope) -> Json:
        """Runs a region inside this execution and answers its output.

        Raises:
            Failure: a state failed and nothing caught it.
        """

    def execute_child(self, region: Region, data: Json, name: str, run: Run, halt: Halt) -> Json:
        """Runs a region as an execution of its own, with its own history and variables; raises as ``walk``."""


@dataclass(slots=True)
class Visit:
    """One stay in a state, over all its attempts."""

    scope: Scope
    walker: Walker
    state: str
    data: Json
    entered: str
    retries: int = 0

    def bindings(self, **more: Json) -> Bindings:
        """What the state's fields see; ``result``, ``errorOutput`` or ``map_item`` where the field has them."""
        context = {
            **self.scope.context,
            "State": {"Name": self.state, "EnteredTime": self.entered, "RetryCount": self.retries},
        }
        item = more.pop("map_item", None)
        if item is not None:
            context["Map"] = {"Item": item}
        return Bindings({"input": self.data, "context": context, **more}, self.scope.variables.values, self.scope.run.clock.now)

    def record(self, event_type: str, field: str | None = None, details: dict[str, Any] | None = None) -> int:
        return self.scope.history.record(self.scope.trail, event_type, field, details)

    def record_aside(self, event_type: str, field: str | None = None, details: dict[str, Any] | None = None) -> int:
        """Records an event that closes something: as on AWS it is not the previous one of what follows."""
        return self.scope.history.record(self.scope.trail, event_type, field, details, aside=True)


def begin_visit(scope: Scope, walker: Walker, state: str, data: Json) -> Visit:
    """A visit that begins now."""
    return Visit(scope, walker, state, data, timestamp(scope.run.clock.now()))
