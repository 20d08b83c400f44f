"""Walks through the states of a machine."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from portl_cli.engine._clock import Clock, SystemClock, timestamp
from portl_cli.engine._data import Json, to_text
from portl_cli.engine._failure import TIMEOUT, Aborted, Failure, Overtime
from portl_cli.engine._history import Event, History, Listener
from portl_cli.engine._host import FunctionHost, round_trip
from portl_cli.engine._limits import AWS_LIMITS, EXECUTION_NAME, Limits
from portl_cli.engine._retry import Attempts, catcher_of
from portl_cli.engine._states.base import Exit, Region, Run, Scope, State, Step, Visit, begin_visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from portl_cli.engine._concurrency import Halt
    from portl_cli.engine._machine import Machine

_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]+")
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#StartExecution-request-name"""

_ACCOUNT = "local:000000000000"
_ROLE = "arn:aws:iam::000000000000:role/local"

_ABORTABLE = ("Map", "Parallel", "Task", "Wait")
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html: those have an event StateAborted."""

_Left = tuple[Step, str, dict[str, str]]
"""The end of a visit, the text of its output, and the texts of the variables it set."""

Status = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution ended. ``history`` is its own; children of distributed Maps are only told to ``on_event``.

    ``transitions`` counts as AWS bills: each state entered and each attempt made again, children included.
    """

    status: Status
    output: Json
    error: str | None
    cause: str | None
    history: list[Event]
    transitions: int


def execute(
    machine: Machine,
    data: Json,
    *,
    name: str,
    host: FunctionHost,
    clock: Clock | None = None,
    on_event: Callable[[Event], None] | None = None,
    random: Random | None = None,
    limits: Limits = AWS_LIMITS,
) -> Execution:
    """Runs a machine to its end.

    ``name`` is the execution's, as ``$states.context.Execution.Name``. ``on_event`` gets every event as it occurs, one at a
    time, those of children with their name in ``execution``. ``random`` gives the jitter of retries. With a host of more than
    one slot, items of a Map and branches of a Parallel run at once; with one slot all happens in this thread, in order. An
    exception of the host, of ``on_event`` or from the keyboard goes through, after ExecutionAborted stands in the history.

    Raises:
        ValueError: the name is not one AWS takes, or the input holds NaN or Infinity.
        TypeError: the input is no JSON.
    """
    if not _NAME.fullmatch(name) or len(name) > EXECUTION_NAME:
        raise ValueError(
            f'an execution cannot be named {name!r}: 1 to 80 characters, no spaces, none of <>{{}}[]?*"#%\\^|~`$&,;:/'
        )
    clock = clock or SystemClock()
    gate = threading.BoundedSemaphore(host.slots)
    run = Run(machine.name, host, clock, random or Random(), Listener(on_event), limits, gate)  # noqa: S311 - jitter
    if machine.timeout is not None:
        run.deadline = run.until(machine.timeout)
    history = History("", clock, run.listener, most=limits.events, keep=True)
    scope = _scope(run, name, history, round_trip(data))
    return _ended(machine.region, scope)


def _ended(region: Region, scope: Scope) -> Execution:
    status: Status
    output = error = cause = None
    try:
        output = _run_execution(region, scope)
        status = "SUCCEEDED"
    except Failure as failure:
        status, error, cause = "FAILED", failure.error, failure.cause
    except Overtime:
        status, error = "TIMED_OUT", TIMEOUT
    return Execution(status, output, error, cause, scope.history.events, scope.run.transitions)


def _scope(run: Run, name: str, history: History, data: Json) -> Scope:
    context = {
        "Execution": {
            "Id": f"arn:aws:states:{_ACCOUNT}:execution:{run.machine}:{name}",
            "Name": name,
            "StartTime": timestamp(run.clock.now()),
            "Input": data,
            "RoleArn": _ROLE,
        },
        "StateMachine": {"Id": f"arn:aws:states:{_ACCOUNT}:stateMachine:{run.machine}", "Name": run.machine},
    }
    return Scope(run, name, history, context)


def _run_execution(region: Region, scope: Scope) -> Json:
    """One execution, from its first event to its last; what ends it early is raised on."""
    history, trail, data = scope.history, scope.trail, scope.context["Execution"]["Input"]
    history.record(trail, "ExecutionStarted", "executionStartedEventDetails", {"input": to_text(data), "roleArn": _ROLE})
    try:
        output = _WALKER.walk(region, data, scope)
    except Failure as failure:
        history.record(trail, "ExecutionFailed", "executionFailedEventDetails", failure.details())
        raise
    except Overtime:
        _record_overtime(scope)
        raise
    except BaseException:
        history.record(trail, "ExecutionAborted", "executionAbortedEventDetails")
        raise
    history.record(trail, "ExecutionSucceeded", "executionSucceededEventDetails", {"output": to_text(output)})
    return output


def _record_overtime(scope: Scope) -> None:
    if scope.history.execution:
        scope.history.record(scope.trail, "ExecutionAborted", "executionAbortedEventDetails")
    else:
        scope.history.record(scope.trail, "ExecutionTimedOut", "executionTimedOutEventDetails", {"error": TIMEOUT})


class _Interpreter:
    """The Walker of the states: they hand it the regions inside them."""

    def walk(self, region: Region, data: Json, scope: Scope) -> Json:
        text = scope.run.measured(data, region.start_at)
        target: str | None = region.start_at
        while target is not None:
            step, text = self._visit(region.states[target], data, text, scope)
            data, target = step.output, step.target
        return data

    def execute_child(self, region: Region, data: Json, name: str, run: Run, halt: Halt) -> Json:
        history = History(name, run.clock, run.listener, most=run.limits.events, keep=False)
        scope = _scope(run, name, history, data)
        scope.halt = halt
        return _run_execution(region, scope)

    def _visit(self, state: State, data: Json, text: str, scope: Scope) -> tuple[Step, str]:
        run = scope.run
        run.may_go_on(scope.halt)
        visit = begin_visit(scope, self, state.name, data)
        entered = visit.record(f"{state.kind}StateEntered", "stateEnteredEventDetails", {"name": state.name, "input": text})
        run.count_transition()
        try:
            step, output, assigned = self._attempts(state, visit, entered)
        except Aborted:
            if state.kind in _ABORTABLE:
                visit.record_aside(f"{state.kind}StateAborted")
            raise
        details: dict[str, Any] = {"name": state.name, "output": output}
        if assigned:
            details["assignedVariables"] = assigned
        visit.record(f"{state.kind}StateExited", "stateExitedEventDetails", details)
        return step, output

    def _attempts(self, state: State, visit: Visit, entered: int) -> _Left:
        run = visit.scope.run
        attempts = Attempts(state.retriers)
        while True:
            try:
                return _leave(state.run(visit), visit)
            except Failure as problem:
                failure = _told(problem, visit, entered)
            delay = attempts.next_delay(failure.error, run.random)
            if delay is None:
                return self._caught(state, visit, entered, failure)
            run.sleep(delay, visit.scope.halt)
            visit.retries += 1
            run.count_transition()

    def _caught(self, state: State, visit: Visit, entered: int, failure: Failure) -> _Left:
        catcher = catcher_of(state.catchers, failure.error)
        if catcher is None:
            raise failure
        error = failure.output()
        try:
            step = Exit(catcher.output, catcher.assign, catcher.target).leave(visit.bindings(errorOutput=error), error)
            return _leave(step, visit)
        except Failure as second:
            raise _told(second, visit, entered) from None


def _leave(step: Step, visit: Visit) -> _Left:
    """Takes what a state leaves behind, if there is room for it."""
    run = visit.scope.run
    text = run.measured(step.output, visit.state)
    return step, text, visit.scope.variables.assign(step.assign, visit.state, run.limits)


def _told(failure: Failure, visit: Visit, entered: int) -> Failure:
    """The failure, with the state in its cause and an event of its own if it is that of an expression in this state."""
    if failure.location is None:
        return failure
    where = f"An error occurred while executing the state '{visit.state}' (entered at the event id #{entered})."
    told = Failure(failure.error, f"{where} {failure.cause}")
    details = {**told.details(), "location": failure.location, "state": visit.state}
    visit.record("EvaluationFailed", "evaluationFailedEventDetails", details)
    return told


_WALKER = _Interpreter()
