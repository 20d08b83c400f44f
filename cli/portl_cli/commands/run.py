"""``portl run``."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from portl.errors import SetupError
from portl.jobs import Job
from portl.runs import NEW_KEY, keep_specs
from portl.stores import open_store
from portl_cli.commands._again import made_with, profile_of, resume_command
from portl_cli.commands._concluding import conclude, conclude_json
from portl_cli.commands._display import Display, display_for
from portl_cli.commands._ending import keep_broken, keep_ending
from portl_cli.commands._event import awoken, begin, event_options, read_event, served_event, tell_not_begun
from portl_cli.commands._hosts import HostName
from portl_cli.commands._on_aws import on_aws
from portl_cli.commands._outcome import Told, read_outcome
from portl_cli.commands._params import given_params
from portl_cli.commands._profile import profile_option
from portl_cli.commands._project import SCHEMA, Project, compiled, job_file, runs_folder
from portl_cli.commands._resume import refuse_beginning_anew, resumed_input
from portl_cli.commands._surroundings import Surroundings, apply_sample_rows, apply_schema, surroundings
from portl_cli.commands._watch import Watch
from portl_cli.commands.plan import show_event_plan, show_plan
from portl_cli.compile import Compiled
from portl_cli.engine import AWS_LIMITS, NO_LIMITS, Execution, Limits, SystemClock, execute, load_machine


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path), required=False)
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the job, or @FILE: a JSON object of some."
)
@click.option(
    "--demo",
    is_flag=True,
    help="Serve what is unset: an embedded PostgreSQL with the job's schema.sql, a peer for HTTP APIs, folders for stores.",
)
@click.option("--init-db", is_flag=True, help="Apply the job's schema.sql first.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do, as `portl plan`.")
@click.option(
    "--sample", type=click.IntRange(1, 100), default=3, show_default=True, help="Records of each list a dry run shows."
)
@click.option("--new-key", is_flag=True, help="Do the work anew, although a run with the same run_key did it before.")
@click.option("--resume", metavar="RUN", help="Go on from RUN: take from it what has not changed, do what failed or changed.")
@click.option(
    "--from", "from_step", metavar="STEP", help="Do STEP and those behind it again; the steps before it are taken from RUN."
)
@event_options
@profile_option
@click.option("--intents", is_flag=True, help="Keep every statement and request in intents.jsonl of the run's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON document a line.")
@click.option("--isolate", is_flag=True, help="Run the functions under AWS's own Python runtime client (Linux).")
@click.option(
    "--limits", type=click.Choice(["on", "off"]), default="on", show_default=True, help="AWS's limits on sizes and events."
)
@click.option("--host", type=click.Choice(["inline", "workers", "isolate"]), default="workers", hidden=True)
@click.option("--time-scale", type=float, default=1.0, hidden=True)
@on_aws
def command(
    *,
    job: Path | None,
    params: tuple[str, ...],
    demo: bool,
    init_db: bool,
    dry_run: bool,
    sample: int,
    new_key: bool,
    resume: str | None,
    from_step: str | None,
    event: Path | None,
    trigger: str | None,
    intents: bool,
    as_json: bool,
    isolate: bool,
    limits: str,
    host: HostName,
    time_scale: float,
) -> int:
    """Run JOB on this machine: the very state machine and handlers that would run on AWS. With --on aws, run it there.

    \b
    Example:
      portl run statemachines/resource_sync/job.yaml --param path=resources.csv --demo
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    goes_on = resume is not None or from_step is not None
    refuse_beginning_anew(goes_on=goes_on, new_key=new_key, dry_run=dry_run)
    if event is not None and (goes_on or new_key or params):
        raise click.UsageError("--event says all that a run is given: leave out --param, --new-key, --resume and --from")
    bounds: Limits = AWS_LIMITS if limits == "on" else NO_LIMITS
    manner = Manner(demo, init_db, intents, as_json, "isolate" if isolate else host, bounds, time_scale)
    if event is not None and dry_run:
        return show_event_plan(job, event, trigger, sample=sample, demo=demo, as_json=as_json)
    if event is not None:
        return run_event(job, event, trigger, manner)
    if job is None:
        raise click.UsageError("Missing argument 'JOB': name it, or an event with --event.")
    if dry_run:
        return show_plan(job, params, sample=sample, demo=demo, new_key=new_key, as_json=as_json)
    project, found = compiled(job)
    if goes_on:
        given = resumed_input(
            runs_folder(project), found.job, job_file(job), params, resume=resume, from_step=from_step, demo=demo
        )
    else:
        given = {**given_params(found.job, params), **({NEW_KEY: True} if new_key else {})}
    return run_compiled(project, found, job_file(job), given, manner).code


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is done and shown."""

    demo: bool = False
    init_db: bool = False
    intents: bool = False
    as_json: bool = False
    host: HostName = "workers"
    limits: Limits = AWS_LIMITS
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that was done and told of: its exit code, its folder."""

    code: int
    folder: Path


def run_event(job: Path | None, file: Path, trigger: str | None, manner: Manner) -> int:
    """Runs what an event starts, and answers the exit code. An event that has been here before has its run already."""
    event = read_event(file)
    who = awoken(job, event, trigger, demo=manner.demo)
    root = runs_folder(who.project)
    begun = begin(who, served_event(who, event, demo=manner.demo), root)
    if begun.what != "started":
        return tell_not_begun(who, begun, root, as_json=manner.as_json, demo=manner.demo)
    return run_compiled(who.project, who.found, who.file, begun.given, manner, name=begun.run).code


def run_compiled(
    project: Project,
    found: Compiled,
    file: Path,
    given: dict[str, Any],
    manner: Manner,
    again: str | None = None,
    name: str | None = None,
) -> Ran:
    """Runs a job with an input, and tells how it ended.

    ``again`` is the command to go on with when it does not end well, ``name`` that of the run where an event gives it.
    """
    run_id = name or f"{found.job.job}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    run_folder = _make_run_folder(project, found, run_id, intents=manner.intents, time_scale=manner.time_scale)
    demo, limits = manner.demo, manner.limits
    with (
        closing(display_for(as_json=manner.as_json)) as display,
        surroundings(
            project, found.job, file.parent, run_folder, demo=demo, host=manner.host, limits=limits, on_message=display.progress
        ) as around,
    ):
        display.say(f"run {run_folder.name}")
        display.event("run_started", run=run_folder.name, job=found.job.job, folder=str(run_folder))
        _fill(found.job, file.parent, around, display, init_db=manner.init_db)
        watched = Watch(found, run_folder, display)
        try:
            ended = _execute(project, found, given, around, watched, SystemClock(manner.time_scale), limits)
        except BaseException as problem:
            keep_broken(found.job, file, run_folder, watched, problem, demo=demo)
            raise
        display.close()
        calls = around.peer.calls() if around.peer else None
    goes_on = again or resume_command(file, run_folder.name, where=made_with(profile_of(run_folder), demo=demo))
    goes_on = goes_on if (run_folder / "run.json").is_file() else ""
    told = Told(found.job, file, run_folder, ended, watched.committed, calls, read_outcome(run_folder), goes_on, demo)
    keep_ending(told, watched.course)
    return Ran(conclude_json(told, display) if manner.as_json else conclude(told), run_folder)


def _make_run_folder(project: Project, found: Compiled, run_id: str, *, intents: bool, time_scale: float) -> Path:
    """A new run's folder, what its functions find in their environment of it, and the specs they read beside it."""
    run_folder = runs_folder(project) / run_id
    try:
        run_folder.mkdir(parents=True, exist_ok=True)  # that of an event is there when the run could not begin before
    except OSError as problem:
        hint = "set PORTL_RUNS to a folder that can be written"
        raise SetupError(f"{run_folder} cannot be made: {problem.strerror}", code="V130", hint=hint) from problem
    os.environ["PORTL_RUNS"] = str(run_folder.parent)
    os.environ["PORTL_LOG"] = str(run_folder / "log.jsonl")
    os.environ["PORTL_TIME_SCALE"] = str(time_scale)
    os.environ["PORTL_INTENTS"] = str(run_folder / "intents.jsonl") if intents else ""
    keep_specs(open_store(str(run_folder.parent)), found.specs)
    return run_folder


def _fill(job: Job, folder: Path, around: Surroundings, display: Display, *, init_db: bool) -> None:
    """Makes the job's tables where that is asked for, and in a database of ours puts its rows into them."""
    served = "postgres" in around.served.values() and (folder / SCHEMA).is_file()
    if init_db or served:
        display.say(f"tables from {apply_schema(job, folder).name}")
    if served and (rows := apply_sample_rows(job, folder)):
        display.say(f"rows from {rows.name}")


def _execute(
    project: Project,
    found: Compiled,
    params: dict[str, Any],
    around: Surroundings,
    watched: Watch,
    clock: SystemClock,
    limits: Limits,
) -> Execution:
    substitutions = {f"{function}Arn": function for function in project.template.functions}
    machine = load_machine(found.definition, substitutions=substitutions, name=found.job.job, limits=limits)
    run_id = Path(os.environ["PORTL_LOG"]).parent.name
    try:
        return execute(machine, params, name=run_id, host=around.host, clock=clock, on_event=watched.event, limits=limits)
    except KeyboardInterrupt:
        return Execution("ABORTED", None, "KeyboardInterrupt", "interrupted", [], watched.course.transitions)
    finally:
        watched.close()
