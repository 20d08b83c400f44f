"""``portl run --resume RUN`` and ``--from STEP``: a run that takes from an earlier one what has not changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click

from portl.errors import RunError
from portl.jobs import PROFILE, Job, closest, key_stores
from portl.runs import RESUME, RunFolder, base_params, check_key, read_base
from portl.stores import Store, open_store
from portl.values import redact
from portl_cli.commands._again import Refused, anew_command, made_with, replayed_run
from portl_cli.commands._aws_mark import refuse_on_aws, was_on_aws
from portl_cli.commands._ending import find_run, kept_runs
from portl_cli.commands._params import param_texts
from portl_cli.compile import tasks_in_order


def refuse_beginning_anew(*, goes_on: bool, new_key: bool, dry_run: bool) -> None:
    """Raises click.UsageError where a run is to go on with another one and to begin anew, or to be shown only."""
    if goes_on and (new_key or dry_run):
        raise click.UsageError("--resume and --from go on with work that was begun: leave out --new-key and --dry-run")


def resumed_input(
    root: Path, job: Job, job_file: Path, texts: Iterable[str], *, resume: str | None, from_step: str | None, demo: bool
) -> dict[str, Any]:
    """The input of a run that goes on from ``resume``, or from the newest run of the job when only ``from_step`` is given.

    Raises:
        click.UsageError: there is no such run or step.
        Refused: it is still running, or going on from it would be other work.
    """
    run = _base(root, job, resume)
    mark = resume_mark(job, run, from_step)
    refuse_running(root, run)
    given = param_texts(texts)
    check_going_on(open_store(str(root)), job, job_file, mark, given, where=made_with(os.environ.get(PROFILE), demo=demo))
    return {**given, RESUME: mark}


def resume_mark(job: Job, run: str, from_step: str | None) -> dict[str, Any]:
    """What stands under RESUME in the input of an execution that goes on from ``run``. Raises click.UsageError."""
    return {"run": run, **_from(job, from_step)}


def check_going_on(
    runs: Store,
    job: Job,
    job_file: Path,
    mark: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    where: str,
    check: Callable[..., None] = check_key,
) -> None:
    """Looks whether the job can go on from the run of ``mark``. ``where`` ends the command that begins anew.

    Raises:
        Refused: there is no such run, or going on from it would be other work.
    """
    params: dict[str, Any] = {}
    try:
        base = read_base(RunFolder(runs, ""), mark["run"], job.job)
        params = base_params(job.params, given, base, mark["run"])
        check({"run_key": job.run_key, "stores": key_stores(job)}, params, base, mark["run"])
    except RunError as problem:
        anew = anew_command(job_file, job.params, params, where=where) if problem.code == "R153" else ""
        raise Refused(redact(f"{problem}; {problem.hint}" + (f"\n  {anew}" if anew else ""))) from None


def _base(root: Path, job: Job, resume: str | None) -> str:
    if resume is not None:
        found = find_run(root, resume)
        refuse_on_aws(root / found, f"--resume {found} --on aws goes on with it there")
        return found
    ended = (run for run in kept_runs(root) if run["job"] == job.job and run["status"] not in ("RUNNING", "NOT_STARTED"))
    run = next((run for run in ended if _goes_on(root / run["run"])), None)
    if run is None:
        raise Refused(f"--from goes on from the newest run of {job.job}, and there is none; run the job once without it")
    return str(run["run"])


def _goes_on(folder: Path) -> bool:
    return replayed_run(folder) is None and was_on_aws(folder) is None


def _from(job: Job, step: str | None) -> dict[str, list[str]]:
    """Which steps are taken as they were, and which are done again."""
    if step is None:
        return {}
    tasks = [[each.id for each in steps] for steps in tasks_in_order(job)]
    at = next((place for place, ids in enumerate(tasks) if step in ids), None)
    if at is None:
        raise click.UsageError(f"--from: the job has no step {step}; {closest(step, [*chain(*tasks)])}")
    return {"keep": [*chain(*tasks[:at])], "redo": [*chain(*tasks[at:])]}


def refuse_running(root: Path, run: str) -> None:
    """A run that lives may still write what another one would take.

    Raises:
        Refused: it lives.
    """
    if any(each["run"] == run and each["status"] == "RUNNING" for each in kept_runs(root)):
        raise Refused(f"{run} is still running: wait for its end, or interrupt it")
