"""``portl runs replay``: some records of a run done again, with the inputs of the run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from portl.errors import RunError
from portl.jobs import PROFILE, Job, closest
from portl.runs import REPLAY, RunFolder, read_base
from portl.stores import open_store
from portl.values import redact
from portl_cli.commands._again import Refused, made_with, replayed_run
from portl_cli.commands._aws_mark import refuse_on_aws
from portl_cli.commands._ending import ENDED, find_run
from portl_cli.commands._hosts import HostName
from portl_cli.commands._letters import letters_of
from portl_cli.commands._profile import profile_option
from portl_cli.commands._project import Project, compiled, find_project, job_file, runs_folder
from portl_cli.commands._resume import refuse_running
from portl_cli.commands._settled import settle
from portl_cli.compile import Compiled, DoneStep, tasks_in_order


@dataclass(frozen=True, slots=True)
class Replay:
    """Records (indexes, from 0) of a run that are to be done again from a step on."""

    run: str
    step: str
    records: tuple[int, ...]
    redo: tuple[str, ...]
    source: str

    @property
    def input(self) -> dict[str, Any]:
        """What the execution is given."""
        mark = {"run": self.run, "redo": list(self.redo), "picks": {self.source: list(self.records)}}
        return {REPLAY: mark}

    @property
    def command(self) -> str:
        """The command that does it; without ``--profile`` and ``--demo``, which are no part of what is done."""
        items = " ".join(f"--item {record + 1}" for record in self.records)
        return f"portl runs replay {self.run} --step {self.step} {items}"


def replay_of(root: Path, job: Job, run: str, step: str, records: Sequence[int]) -> Replay:
    """What a replay is to do.

    Raises:
        click.UsageError: there is no such step.
        Refused: there is no such record, the step goes over no list, or the run cannot be replayed.
    """
    refuse_on_aws(root / run, "its records are there; docs/runs.md says how an execution does them again")
    refuse_running(root, run)
    folder = RunFolder(open_store(str(root)), run)
    try:
        read_base(folder, run, job.job)
    except RunError as problem:
        raise Refused(redact(f"{problem}; {problem.hint}")) from None
    redo, source = _redo(job, step)
    _in_list(folder, run, source, records)
    _not_aside_before(root / run, redo, source, job, records)
    return Replay(run, step, tuple(sorted(set(records))), redo, source)


def _redo(job: Job, step: str) -> tuple[tuple[str, ...], str]:
    """The step and those behind it that go over the same list, and what made that list."""
    tasks = tasks_in_order(job)
    found = next(((at, each) for at, steps in enumerate(tasks) for each in steps if each.id == step), None)
    if found is None:
        known = closest(step, [each.id for steps in tasks for each in steps])
        raise click.UsageError(f"the job has no step {step}; {known}")
    at, wanted = found
    if wanted.source is None:
        text = f"{step} goes over no records: it is done once"
        raise Refused(f"{text}. portl run JOB --resume RUN --from {step} does it again")
    if wanted.source in {each.id for each in tasks[at]}:
        text = f"the records of {step} are made in its own transaction"
        raise Refused(f"{text}: portl run JOB --resume RUN does all of them")
    return tuple(_behind(tasks[at:], wanted)), wanted.source


def _behind(tasks: Sequence[tuple[DoneStep, ...]], wanted: DoneStep) -> Iterator[str]:
    yield from (each.id for steps in tasks for each in steps if each.source == wanted.source)


def _in_list(folder: RunFolder, run: str, source: str, records: Sequence[int]) -> None:
    count = _count(folder, source)
    if count is None:
        raise Refused(f"{run} never came to the records of {source}: portl run JOB --resume {run} goes on with it")
    beyond = [record + 1 for record in records if not 0 <= record < count]
    if beyond:
        raise Refused(f"there is no record {beyond[0]:,}: {source} made {count:,} in {run}")


def _not_aside_before(folder: Path, redo: Sequence[str], source: str, job: Job, records: Sequence[int]) -> None:
    """A record that failed earlier has no results there to go on with."""
    over = {each.id for steps in tasks_in_order(job) for each in steps if each.source == source} - {*redo}
    for letter in letters_of(folder):
        if letter["record"] in records and letter["from"] in over:
            text = f"record {letter['record'] + 1:,} was kept aside at {letter['step']} and has no results from there on"
            raise Refused(f"{text}: replay it with --step {letter['from']}")


def _count(folder: RunFolder, source: str) -> int | None:
    """How many records a list has, which a step of its own or one in a transaction made."""
    for name in _bases(folder):
        answer: Mapping[str, Any] = (folder.find(f"/{name}/done/{source}.json") or {}).get("answer", {})
        if "rows" in answer:
            return int(answer["rows"]["count"])
    return None


def _bases(folder: RunFolder) -> list[str]:
    kept = folder.find("run.json") or {}
    return [folder.run_id, *kept.get("origin", {}).get("bases", ())]


def failed_replays(root: Path, job: Job, run: str) -> list[Replay]:
    """A replay of every record that was kept aside and is not settled: one for each step at which some have to begin."""
    begin: dict[str, list[int]] = {}
    for letter in letters_of(root / run):
        begin.setdefault(letter["from"], []).append(int(letter["record"]))
    order = [each.id for steps in tasks_in_order(job) for each in steps]
    return [replay_of(root, job, run, step, begin[step]) for step in sorted(begin, key=order.index)]


def job_of(root: Path, run: str, project: Project, told: Path | None) -> Path:
    """The job's file of a run: as told, as the run has kept it, or the one of that name in the project.

    Raises:
        click.UsageError: none is found.
    """
    kept = RunFolder(open_store(str(root)), run)
    file = told or Path(str((kept.find(ENDED) or {}).get("job_file", "")))
    if told is not None or file.is_file():
        return job_file(file)
    name = (kept.find("run.json") or {}).get("job", "")
    found = next((each for each in project.jobs if each.parent.name == name), None)
    if found is None:
        raise click.UsageError(f"where the job of {run} stands is not known: name it with --job")
    return found


@click.command("replay")
@click.argument("run")
@click.option("--step", metavar="STEP", help="The step to begin with; those behind it over the same records follow.")
@click.option(
    "--item", "items", type=click.IntRange(min=1), multiple=True, help="A record, counted from 1 as in errors; several times."
)
@click.option("--all-failed", is_flag=True, help="Every record that was kept aside and that no replay has brought through.")
@click.option("--plan", "plans", is_flag=True, help="Only show what it would do: every statement and every request.")
@click.option("--job", "told", type=click.Path(path_type=Path), help="The job's file, where the run does not know it.")
@profile_option
@click.option("--demo", is_flag=True, help="Serve what is unset, as `portl run --demo` does.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON document a line.")
@click.option(
    "--project",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="A folder of the project.",
)
@click.option("--host", type=click.Choice(["inline", "workers", "isolate"]), default="workers", hidden=True)
@click.option("--time-scale", type=float, default=1.0, hidden=True)
def command(
    *,
    run: str,
    step: str | None,
    items: tuple[int, ...],
    all_failed: bool,
    plans: bool,
    told: Path | None,
    demo: bool,
    as_json: bool,
    start: Path,
    host: HostName,
    time_scale: float,
) -> int:
    """Do some records of RUN again, from a step on, with the inputs of that run and the job as it is now.

    What is committed is not written a second time, and calls are sent with their first keys. All else stays as it was.

    \b
    Example:
      portl run statemachines/resource_sync/job.yaml --param path=resources.csv --demo
      portl runs replay last --step announce_resource --item 3 --plan
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if all_failed == bool(step and items):
        raise click.UsageError("name records with --step STEP --item N, or say --all-failed")
    around = find_project(start)
    root = runs_folder(around)
    os.environ["PORTL_RUNS"] = str(root)  # the replay stands beside its run, wherever its job's file is
    run = _own_run(root, find_run(root, run))
    file = job_of(root, run, around, told)
    project, found = compiled(file)
    if all_failed:
        wanted = failed_replays(root, found.job, run)
    else:
        wanted = [replay_of(root, found.job, run, str(step), [item - 1 for item in items])]
    if not wanted:
        click.echo(f"no record of {run} is kept aside")
    one = _plan if plans else _do
    codes = (one(project, found, file, replay, demo, as_json, host, time_scale) for replay in wanted)
    return next((code for code in codes if code), 0)


def _own_run(root: Path, run: str) -> str:
    """The run whose records are meant: of a replay the one that it did some of again, for a replay has not the others."""
    base = replayed_run(root / run)
    if base is None:
        return run
    click.echo(f"{run} is a replay of some records of {base}: they are those of {base}", err=True)
    return base


def _plan(project: Project, found: Compiled, file: Path, replay: Replay, demo: bool, as_json: bool, *_: Any) -> int:
    from portl_cli.commands.plan import show_compiled

    return show_compiled(project, found, file, replay.input, sample=len(replay.records), demo=demo, as_json=as_json)


def _do(
    project: Project, found: Compiled, file: Path, replay: Replay, demo: bool, as_json: bool, host: HostName, time_scale: float
) -> int:
    """Does a replay, and settles the letters of the records that it brought through."""
    from portl_cli.commands.run import Manner, run_compiled

    manner = Manner(demo=demo, as_json=as_json, host=host, time_scale=time_scale)
    again = f"{replay.command} {made_with(os.environ.get(PROFILE), demo=demo)}".rstrip()
    ran = run_compiled(project, found, file, replay.input, manner, again)
    if ran.code == 0:
        failed = {letter["record"] for letter in letters_of(ran.folder)}
        settle(runs_folder(project) / replay.run, set(replay.records) - failed, ran.folder.name)
    return ran.code
