"""``portl prove``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from portl.errors import RunError
from portl.values import redact
from portl_cli.commands._params import given_params
from portl_cli.commands._project import compiled, job_file
from portl_cli.commands._proof_report import beginning, ending, table
from portl_cli.commands._proving import not_used, proof_stage
from portl_cli.exit_codes import DONE, FAILED
from portl_cli.prove import Outcome, Proof, Undisturbed


@click.command("prove")
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the job; may stand several times.")
@click.option("--points", type=click.IntRange(min=1), help="Crash at so many points only, evenly spread.")
@click.option("--verbose", is_flag=True, help="A line for every crash point, and every difference.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON document a line.")
def command(*, job: Path, params: tuple[str, ...], points: int | None, verbose: bool, as_json: bool) -> int:
    """Kill JOB's workers at every effect, let it recover, and compare what it leaves with a run that nobody disturbed.

    Always on a database and a peer of its own, with schema.sql and demo.sql applied: the servers that the environment names
    are not touched, even when their variables are set. The input should be small: each crash point is one run, or two when the
    job has a run_key.

    \b
    Example:
      portl prove statemachines/resource_sync/job.yaml --param path=resources.csv --points 5
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    project, found = compiled(job)
    given, unused = given_params(found.job, params), not_used(found.job)
    tell = _Json(found.job.job) if as_json else _Text(found.job.job, verbose=verbose)
    try:
        with proof_stage(project, found.job, job_file(job).parent, given) as stage:
            outcomes = _crashed(Proof(stage, rerun=found.job.run_key is not None), points, unused, tell)
    except RunError as problem:
        click.echo(redact(f"{problem}\n  {problem.hint}"), err=True)
        return FAILED
    return FAILED if any(outcome.differences for outcome in outcomes) else DONE


def _crashed(proof: Proof, points: int | None, unused: list[str], tell: _Text | _Json) -> list[Outcome]:
    calm = proof.undisturbed()
    taken = min(points or len(calm.points), len(calm.points))
    tell.begins(calm, taken, unused, rerun=proof.rerun)
    outcomes = []
    with tell.bar(taken) as bar:
        for outcome in proof.crashes(calm, points):
            outcomes.append(outcome)
            tell.crashed(outcome)
            if bar is not None:
                bar.update(1)
    tell.ends(outcomes)
    return outcomes


class _Text:
    """For people."""

    def __init__(self, job: str, *, verbose: bool) -> None:
        self._job, self._verbose = job, verbose

    def begins(self, calm: Undisturbed, taken: int, unused: list[str], *, rerun: bool) -> None:
        _echo(beginning(self._job, calm, taken, unused, rerun=rerun))

    def bar(self, count: int) -> AbstractContextManager[Any]:
        """A bar on a terminal, for the minute it may take."""
        return click.progressbar(length=count, file=sys.stderr) if sys.stderr.isatty() else nullcontext()

    def crashed(self, outcome: Outcome) -> None:
        """Told in the end."""

    def ends(self, outcomes: list[Outcome]) -> None:
        _echo(table(outcomes, verbose=self._verbose))
        _echo(ending(outcomes, verbose=self._verbose))


class _Json:
    """For programs."""

    def __init__(self, job: str) -> None:
        self._job = job

    def begins(self, calm: Undisturbed, taken: int, unused: list[str], *, rerun: bool) -> None:
        apart = [{"where": each.where, "name": each.name, "one": each.one, "other": each.other} for each in calm.left_out]
        counts = {"points": len(calm.points), "taken": taken}
        self._event("proof_started", job=self._job, **counts, rerun=rerun, not_used=unused, not_compared=apart)

    def bar(self, _: int) -> AbstractContextManager[Any]:
        return nullcontext()

    def crashed(self, outcome: Outcome) -> None:
        found = [{"where": each.where, "what": each.what} for each in outcome.differences]
        self._event("crash_point", **outcome.point.document(), happened=outcome.happened, differences=found)

    def ends(self, outcomes: list[Outcome]) -> None:
        count = sum(len(outcome.differences) for outcome in outcomes)
        differing = sum(bool(outcome.differences) for outcome in outcomes)
        self._event("proof_ended", differences=count, points=len(outcomes), differing_points=differing)

    def _event(self, name: str, **fields: Any) -> None:
        click.echo(redact(json.dumps({"event": name, **fields}, ensure_ascii=False)))


def _echo(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(redact(line))
