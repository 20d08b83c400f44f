"""``portl run``."""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from portl.errors import RunError
from portl.jobs import Job
from portl.runs import read_params
from portl.values import redact
from portl_cli.commands._project import SCHEMA, Project, compiled
from portl_cli.commands._report import consequence, failure, first_error, read_outcome, summary
from portl_cli.commands._surroundings import Surroundings, apply_sample_rows, apply_schema, surroundings
from portl_cli.compile import Compiled, definition_text
from portl_cli.engine import Event, Execution, SystemClock, execute, load_machine


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the job; may stand several times.")
@click.option(
    "--demo",
    is_flag=True,
    help="Serve what is unset: an embedded PostgreSQL with the job's schema.sql applied, a peer for HTTP APIs.",
)
@click.option("--init-db", is_flag=True, help="Apply the job's schema.sql first.")
@click.option("--time-scale", type=float, default=1.0, hidden=True)
def command(*, job: Path, params: tuple[str, ...], demo: bool, init_db: bool, time_scale: float) -> int:
    """Run JOB on this machine: the very state machine and handlers that would run on AWS.

    \b
    Example:
      portl run statemachines/resource_sync/job.yaml --param path=resources.csv --demo
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    project, found = compiled(job)
    given = dict(_pair(text) for text in params)
    try:
        read_params(found.job.params, given)
    except RunError as problem:
        raise click.UsageError(f"{problem}{f'; {problem.hint}' if problem.hint else ''}") from None
    run_id = f"{found.job.job}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    run_folder = Path(os.environ.get("PORTL_RUNS") or project.root / ".portl" / "runs").resolve() / run_id
    run_folder.mkdir(parents=True)
    os.environ["PORTL_RUNS"] = str(run_folder.parent)
    os.environ["PORTL_LOG"] = str(run_folder / "log.jsonl")
    os.environ["PORTL_TIME_SCALE"] = str(time_scale)
    folder = job if job.is_dir() else job.parent
    with surroundings(project, found.job, folder, run_folder, demo=demo) as around:
        _say(f"run {run_id}")
        served = "postgres" in around.served.values() and (folder / SCHEMA).is_file()
        if init_db or served:
            _say(f"tables from {apply_schema(found.job, folder).name}")
        if served and (rows := apply_sample_rows(found.job, folder)):
            _say(f"rows from {rows.name}")
        watched = Watch(found, run_folder)
        ended = _execute(project, found, given, around, watched, SystemClock(time_scale))
        return _conclude(found.job, run_folder, ended, around, watched)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    return name, value


def _say(text: str) -> None:
    sys.stderr.write(redact(text) + "\n")


class Watch:
    """Follows a run: writes its history and says what begins and ends."""

    def __init__(self, found: Compiled, run_folder: Path) -> None:
        self._history: TextIO = (run_folder / "history.jsonl").open("w", encoding="utf-8")
        self._committing = {
            name
            for name, state in found.definition["States"].items()
            if state["Type"] == "Task" and "unit" in state["Arguments"]["Payload"]
        }
        self.committed = False
        (run_folder / "machine.asl.json").write_text(definition_text(found.definition), "utf-8")

    def event(self, event: Event) -> None:
        """Takes one event of the history."""
        self._history.write(redact(json.dumps(event, ensure_ascii=False)) + "\n")
        if event["execution"]:
            return
        kind = str(event["type"])
        if kind.endswith("StateEntered"):
            _say(f"  {event['stateEnteredEventDetails']['name']} …")
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            self.committed = self.committed or name in self._committing

    def close(self) -> None:
        """Closes the history's file."""
        self._history.close()


def _execute(
    project: Project, found: Compiled, params: dict[str, Any], around: Surroundings, watched: Watch, clock: SystemClock
) -> Execution:
    substitutions = {f"{function}Arn": function for function in project.template.functions}
    machine = load_machine(found.definition, substitutions=substitutions, name=found.job.job)
    run_id = Path(os.environ["PORTL_LOG"]).parent.name
    try:
        return execute(machine, params, name=run_id, host=around.host, clock=clock, on_event=watched.event)
    finally:
        watched.close()


def _conclude(job: Job, run_folder: Path, ended: Execution, around: Surroundings, watched: Watch) -> int:
    outcome = read_outcome(run_folder)
    if ended.status == "SUCCEEDED":
        calls = around.peer.calls() if around.peer else None
        for line in summary(job, outcome, calls, ended.transitions):
            click.echo(redact(line))
        click.echo(f"  run folder {os.path.relpath(run_folder)}")
        return 0
    for line in failure(job, first_error(run_folder), f"{ended.error}: {ended.cause}"):
        click.echo(redact(line), err=True)
    click.echo(f"  state   {consequence(job, outcome, run_folder, committed=watched.committed)}", err=True)
    click.echo(f"  run     {os.path.relpath(run_folder)}", err=True)
    return 1
