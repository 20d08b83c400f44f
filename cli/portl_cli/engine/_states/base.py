"""What the states share: a visit, and what it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from portl_cli.engine._clock import Clock, timestamp
from portl_cli.engine._failure import Overtime
from portl_cli.engine._jsonata import Bindings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from portl_cli.engine._data import Json
    from portl_cli.engine._history import Event, History
    from portl_cli.engine._host import FunctionHost
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
    """What all executions of one run share; ``transitions`` counts states entered and attempts made again, in all of them."""

    machine: str
    host: FunctionHost
    clock: Clock
    random: Random
    listener: Callable[[Event], None] | None
    deadline: datetime | None = None
    transitions: int = 0

    def sleep(self, seconds: float) -> None:
        """Waits.

        Raises:
            Overtime: the machine's time is over before the wait is; the time left was waited.
        """
        if self.deadline is not None:
            left = (self.deadline - self.clock.now()).total_seconds()
            if seconds > left:
                self.clock.sleep(max(0.0, left))
                raise Overtime
        self.clock.sleep(seconds)

    def in_time(self) -> None:
        """Raises Overtime when the machine's time is over."""
        if self.deadline is not None and self.clock.now() > self.deadline:
            raise Overtime

    def until(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


@dataclass(slots=True)
class Scope:
    """Where states run: an execution, or inside one an item of an inline Map or a branch. ``name`` is the execution's."""

    run: Run
    name: str
    history: History
    context: dict[str, Json]
    variables: dict[str, Json]

    def inner(self, **context: Json) -> Scope:
        """A scope that reads the variables of this one and keeps what it assigns to itself."""
        return Scope(self.run, self.name, self.history, {**self.context, **context}, dict(self.variables))


class Walker(Protocol):
    """What runs the states inside a state."""

    def walk(self, region: Region, data: Json, scope: Scope) -> Json:
        """Runs a region inside this execution and answers its output.

        Raises:
            Failure: a state failed and nothing caught it.
        """

    def execute_child(self, region: Region, data: Json, name: str, run: Run) -> Json:
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
        return Bindings({"input": self.data, "context": context, **more}, self.scope.variables, self.scope.run.clock.now)

    def record(self, event_type: str, field: str | None = None, details: dict[str, Any] | None = None) -> int:
        return self.scope.history.record(event_type, field, details)


def begin_visit(scope: Scope, walker: Walker, state: str, data: Json) -> Visit:
    """A visit that begins now."""
    return Visit(scope, walker, state, data, timestamp(scope.run.clock.now()))
