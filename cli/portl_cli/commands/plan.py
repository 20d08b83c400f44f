"""``portl plan``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from portl.errors import RunError
from portl.runs import NEW_KEY
from portl.values import marked, redact
from portl_cli.commands._demo_stores import demo_stores
from portl_cli.commands._event import awoken, event_options, planned, read_event
from portl_cli.commands._params import given_params
from portl_cli.commands._profile import profile_option
from portl_cli.commands._project import Project, compiled, job_file, runs_folder
from portl_cli.commands._report import failure
from portl_cli.commands._scratch import scratch_databases
from portl_cli.commands._surroundings import register_secrets
from portl_cli.compile import Compiled
from portl_cli.plan import Plan, PlanFailed, make_plan, plan_text

_COLOURS: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "step": {"fg": "cyan", "bold": True},
    "sql": {"fg": "yellow"},
    "note": {"dim": True},
}


@click.command("plan")
@click.argument("job", type=click.Path(path_type=Path), required=False)
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the job, or @FILE: a JSON object of some."
)
@event_options
@profile_option
@click.option("--sample", type=click.IntRange(1, 100), default=3, show_default=True, help="Records of each list to show.")
@click.option(
    "--demo",
    is_flag=True,
    help="Take the columns of an unset database from schema.sql, the files of an unset store from demo/.",
)
@click.option("--new-key", is_flag=True, help="Plan it as new work, as `portl run --new-key` does it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line: what `portl run --intents` keeps.")
def command(
    *,
    job: Path | None,
    params: tuple[str, ...],
    event: Path | None,
    trigger: str | None,
    sample: int,
    demo: bool,
    new_key: bool,
    as_json: bool,
) -> int:
    """Show what a run of JOB would do: every SQL statement and every request, for the first records. Nothing is done.

    What only a call would know is shown as <enrich[0].md5>, or taken from the step's `sample`.

    \b
    Example:
      portl plan statemachines/resource_sync/job.yaml --param path=resources.csv
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if event is not None:
        if params or new_key:
            raise click.UsageError("--event says all that a run is given: leave out --param and --new-key")
        return show_event_plan(job, event, trigger, sample=sample, demo=demo, as_json=as_json)
    if job is None:
        raise click.UsageError("Missing argument 'JOB': name it, or an event with --event.")
    return show_plan(job, params, sample=sample, demo=demo, new_key=new_key, as_json=as_json)


def show_event_plan(job: Path | None, file: Path, trigger: str | None, *, sample: int, demo: bool, as_json: bool) -> int:
    """Makes the plan of the run that an event would start and prints it; answers the exit code."""
    event = read_event(file)
    who = awoken(job, event, trigger, demo=demo)
    given = planned(who, event, runs_folder(who.project))
    return show_compiled(who.project, who.found, who.file, given, sample=sample, demo=demo, as_json=as_json)


def show_plan(job: Path, params: tuple[str, ...], *, sample: int, demo: bool, new_key: bool, as_json: bool) -> int:
    """Makes the plan of a job and prints it; answers the exit code."""
    project, found = compiled(job)
    given = {**given_params(found.job, params), **({NEW_KEY: True} if new_key else {})}
    return show_compiled(project, found, job_file(job), given, sample=sample, demo=demo, as_json=as_json)


def show_compiled(
    project: Project, found: Compiled, file: Path, given: dict[str, Any], *, sample: int, demo: bool, as_json: bool
) -> int:
    """Makes the plan of a run with an input and prints it; answers the exit code."""
    with ExitStack() as stack:
        stack.enter_context(scratch_databases(project, found.job, file.parent, wanted=demo))
        if demo:
            stack.enter_context(demo_stores(project, found.job, file.parent, make=False))
        register_secrets(found.job, leave_missing=True)
        try:
            plan = make_plan(found, project.template.functions, given, size=sample, runs=runs_folder(project))
        except RunError as problem:
            click.echo(redact(f"{problem}; {problem.hint}"), err=True)
            return 2
        except PlanFailed as problem:
            for line in failure(found.job, file, problem.error, str(problem)):
                click.echo(redact(line), err=True)
            return 1
    for text in _documents(plan) if as_json else _coloured(plan):
        click.echo(text)
    return 0


def _documents(plan: Plan) -> Iterator[str]:
    for note in plan.notes:
        yield json.dumps(redact(note), ensure_ascii=False, default=marked)


def _coloured(plan: Plan) -> Iterator[str]:
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in plan_text(plan):
        text = redact(line.text)
        yield click.style(text, **_COLOURS.get(line.kind, {})) if coloured and text else text
