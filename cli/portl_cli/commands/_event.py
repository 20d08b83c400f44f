"""A run that an event starts on this machine: through the very handler that is deployed, the local engine in AWS's place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from portl.connections import resolve
from portl.errors import MissingVariable, PortlError
from portl.jobs import Job, ScheduleTrigger, TriggerSpec, fits_event
from portl.triggers import read_request, start_of, use_starter
from portl.values import redact
from portl_cli.commands._again import Refused, made_with, profile_of, resume_command
from portl_cli.commands._display import display_for
from portl_cli.commands._ending import kept_runs, whole_run
from portl_cli.commands._project import Project, compiled, find_project, job_file
from portl_cli.compile import Compiled
from portl_cli.compile.triggers import event_pattern, request_of, trigger_id
from portl_cli.engine import Failed, InlineHost
from portl_cli.exit_codes import DONE, FAILED

NOT_BEGUN = "NOT_STARTED"
"""A run whose folder is there and that could not begin: the same event may still start it."""
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Awoken:
    """A job and the trigger of it that an event concerns."""

    project: Project
    found: Compiled
    file: Path
    trigger: TriggerSpec


@dataclass(frozen=True, slots=True)
class Begun:
    """What the handler made of an event: the run's name, its input, and whether it is to begin (``what``, as in Started)."""

    run: str
    what: str
    given: dict[str, Any]


def event_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--event`` and ``--trigger`` to a command."""
    file = click.option(
        "--event",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The run that this event starts, as EventBridge sends it; without JOB of the one job that takes it.",
    )
    chosen = click.option("--trigger", metavar="ID", help="The trigger that takes the event, where several would.")
    return file(chosen(command))


class LocalStarter:
    """Takes down what would be started; runs are those under the runs' root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.given: dict[str, Any] = {}

    def start(self, machine: str, name: str, given: Mapping[str, Any]) -> bool:  # noqa: ARG002 - see Starter
        """See Starter."""
        self.given = dict(given)
        known = {run["run"] for run in kept_runs(self._root) if run["status"] != NOT_BEGUN}
        return name not in known

    def is_running(self, machine: str, besides: str) -> bool:
        """See Starter."""
        runs = [run for run in kept_runs(self._root) if run["job"] == machine and run["run"] != besides]
        return any(run["status"] == "RUNNING" for run in runs)

    def succeeded(self, machine: str) -> Iterator[str]:
        """See Starter."""
        return (run["run"] for run in kept_runs(self._root) if run["job"] == machine and run["status"] == "SUCCEEDED")

    def appeared(self, machine: str, name: str) -> None:
        """See Starter: a run's folder is seen at once."""


def read_event(file: Path) -> dict[str, Any]:
    """The event of a file.

    Raises:
        click.UsageError: it cannot be read, or is no event.
    """
    try:
        found = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as problem:
        raise click.UsageError(f"{file} is no event: {problem}") from None
    if not isinstance(found, dict):
        raise click.UsageError(f"{file} is no event: it is no JSON object")
    return found


def awoken(job: Path | None, event: Mapping[str, Any], wanted: str | None, *, demo: bool) -> Awoken:
    """The job and trigger that an event concerns: of one job, or of all in the project around the working folder.

    Raises:
        click.UsageError: there is none, or several.
    """
    files = [job] if job is not None else find_project(Path()).jobs
    jobs = [(job_file(file), *compiled(file)) for file in files]
    several = [
        Awoken(project, found, file, trigger)
        for file, project, found in jobs
        for trigger in _concerned(found.job, event, demo=demo)
        if wanted in (None, trigger.id)
    ]
    if len(several) == 1:
        return several[0]
    names = ", ".join(f"{each.found.job.job} {each.trigger.id}" for each in several)
    if several:
        raise click.UsageError(f"{len(several)} triggers take this event: {names}; name the job and --trigger")
    there = ", ".join(f"{found.job.job} {each.id}" for _, _, found in jobs for each in found.job.triggers)
    raise click.UsageError(f"no trigger takes this event; there {'are ' + there if there else 'is none'}")


def _concerned(job: Job, event: Mapping[str, Any], *, demo: bool) -> Iterator[TriggerSpec]:
    schedules = [each for each in job.triggers if isinstance(each, ScheduleTrigger)]
    if schedules and event.get("detail-type") == "Scheduled Event":
        named = [each for each in schedules if any(trigger_id(job.job, each) in str(arn) for arn in event.get("resources", ()))]
        yield from named or schedules
    for trigger in job.triggers:
        if not isinstance(trigger, ScheduleTrigger) and fits_event(_pattern(job, trigger, demo=demo), event):
            yield trigger


def _pattern(job: Job, trigger: TriggerSpec, *, demo: bool) -> dict[str, Any]:
    """The pattern of a trigger as a deployment would have it. A demo serves what is unset: any bucket is the one."""
    pattern = event_pattern(job, trigger)
    try:
        found: dict[str, Any] = resolve(pattern)
    except MissingVariable:
        if not demo:
            raise
        found = {**pattern, "detail": {name: value for name, value in pattern["detail"].items() if name != "bucket"}}
    return found


def planned(who: Awoken, event: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The input that an event would give to its run.

    Raises:
        Refused: the event is of another kind, or an expression fails on it.
    """
    job = who.found.job
    try:
        request = read_request({**request_of(job, job.job, who.trigger), "event": event})
        return start_of(request, LocalStarter(root)).given
    except PortlError as problem:
        raise Refused(redact(str(problem))) from None


def begin(who: Awoken, event: Mapping[str, Any], root: Path) -> Begun:
    """Hands the event to the ``start_run`` function of the project's template, as its rule or schedule would.

    Raises:
        Refused: the handler cannot start a run of the event.
    """
    job, starter = who.found.job, LocalStarter(root)
    function = who.project.function("start_run").name
    host = InlineHost(who.project.template.functions, on_output=lambda _: None)
    use_starter(starter)
    try:
        while True:
            answer = host.invoke(function, {**request_of(job, job.job, who.trigger), "event": event})
            if isinstance(answer, Failed):
                raise Refused(answer.error_message)
            if answer.payload["what"] != "waiting":
                return Begun(answer.payload["run"], answer.payload["what"], starter.given)
            time.sleep(_AGAIN_S)
    finally:
        use_starter(None)


def tell_not_begun(who: Awoken, begun: Begun, root: Path, *, as_json: bool, demo: bool) -> int:
    """Says why an event begins no run, and answers the exit code: that of the run that it has started before."""
    display = display_for(as_json=as_json)
    display.close()
    if begun.what == "skipped":
        display.say(
            f"a run of {who.found.job.job} goes on, and {who.trigger.id} leaves out what falls into it: nothing was begun"
        )
        display.event("run_skipped", run=begun.run, trigger=who.trigger.id)
        return DONE
    run = whole_run(root / begun.run)
    display.say(f"this event has started {begun.run} before, and an event has one run; it is {run['status']}")
    display.event("run_known", run=begun.run, trigger=who.trigger.id, status=run["status"])
    for line in () if as_json else run["lines"]:
        click.echo(redact(line))
    if run["status"] in ("SUCCEEDED", "RUNNING"):
        return DONE
    command = resume_command(who.file, begun.run, where=made_with(profile_of(root / begun.run), demo=demo))
    display.say(f"  go on   {command}")
    return FAILED
