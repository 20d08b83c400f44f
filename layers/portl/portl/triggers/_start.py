"""Starts the run of an event, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from portl.errors import OUTCOMES, PortlError, StepError
from portl.jobs import ScheduleTrigger
from portl.runs import log
from portl.triggers._events import happened
from portl.triggers._names import execution_name, moment_of
from portl.triggers._request import StartRequest, requests_of
from portl.values import compile_value, redact, to_json

What = Literal["started", "known", "skipped", "waiting"]


class Starter(Protocol):
    """The seam to what runs state machines."""

    def start(self, machine: str, name: str, given: Mapping[str, Any]) -> bool:
        """Starts a run under a name; false when there has been one of that name."""
        ...

    def is_running(self, machine: str, besides: str) -> bool:
        """Whether a run goes on, of another name than ``besides``."""
        ...

    def appeared(self, machine: str, name: str) -> None:
        """Waits until a run that was started would be found by ``is_running``."""
        ...

    def succeeded(self, machine: str) -> Iterator[str]:
        """The names of the runs that have succeeded, the one that began last first."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """A run that is to be started: its name, and its input."""

    name: str
    given: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Started:
    """What came of an event: ``known``: it had started its run before; ``skipped``, ``waiting``: the overlap policy says so."""

    run: str
    what: What


def start_of(request: StartRequest, starter: Starter) -> Start:
    """The run that an event asks for.

    Raises:
        RunError: R191, the event is of another kind; TemplateError: an expression fails on it.
    """
    params = compile_value(request.trigger.params)
    since = _since(request, starter) if any(_may_be_since(each.path) for each in params.references) else None
    found = happened(request.trigger, request.event, request.below, since)
    name = execution_name(request.job, request.trigger.id, found.identity, found.readable)
    return Start(name, to_json(params.render({"event": found.fields})))


def _may_be_since(path: Sequence[str | int | None]) -> bool:
    return tuple(path[:2]) in (("event",), ("event", "since"), ("event", None))


def _since(request: StartRequest, starter: Starter) -> str | None:
    """When the schedule's last run that succeeded was meant for: nothing but the runs themselves is asked."""
    if not isinstance(request.trigger, ScheduleTrigger):
        return None
    times = (moment_of(name, request.job, request.trigger.id) for name in starter.succeeded(request.machine))
    return next((time for time in times if time is not None), None)


def start(request: StartRequest, starter: Starter) -> Started:
    """Starts the run of an event, unless it was started before or its schedule says that it is not to be."""
    wanted = start_of(request, starter)
    overlap = request.trigger.overlap if isinstance(request.trigger, ScheduleTrigger) else "allow"
    if overlap != "allow" and starter.is_running(request.machine, wanted.name):
        return Started(wanted.name, "skipped" if overlap == "skip" else "waiting")
    new = starter.start(request.machine, wanted.name, wanted.given)
    if overlap == "queue":
        starter.appeared(request.machine, wanted.name)
    return Started(wanted.name, "started" if new else "known")


def start_event(event: Mapping[str, Any], starter: Starter) -> dict[str, Any]:
    """The whole of the ``start_run`` function: ``{run, what}``; of a queue's messages those that are to come again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting

    Raises:
        Outcome: the event cannot start a run; Lambda tries again, then it goes to the dead-letter queue.
    """
    found = [(message, _told(request, starter)) for message, request in requests_of(event)]
    if "Records" in event:
        return {"batchItemFailures": [{"itemIdentifier": message} for message, each in found if each.what == "waiting"]}
    return {"run": found[0][1].run, "what": found[0][1].what}


def _told(request: StartRequest, starter: Starter) -> Started:
    try:
        found = start(request, starter)
    except PortlError as problem:
        outcome = problem.outcome if isinstance(problem, StepError) else "Permanent"
        log("error", redact(str(problem)), run="", step_id="start_run", job=request.job, trigger=request.trigger.id)
        raise OUTCOMES[outcome](redact(str(problem))) from None
    log("info", f"event {found.what}", run=found.run, step_id="start_run", job=request.job, trigger=request.trigger.id)
    return found
