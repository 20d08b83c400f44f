"""What a run came to, out of what it kept in its folder: counts by step, its first error, what it leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portl.jobs import CALLS, Job, StepSpec, is_call, is_database, walk_steps
from portl.runs import REUSED, RunFolder
from portl.stores import open_store
from portl_cli.commands._again import made_with, profile_of
from portl_cli.commands._file_outcome import changes_files, files_done
from portl_cli.commands._letters import count_letters
from portl_cli.engine import Execution

WRITES = ("inserted", "updated", "unchanged", "skipped", "queued", "known")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the records of a run came to. ``letters`` are how many dead letters each step has."""

    by_step: Mapping[str, Counter[str]]
    letters: Mapping[str, int] = field(default_factory=dict)

    def total(self, *names: str) -> int:
        """How often any step came to one of these."""
        return sum(counts[name] for counts in self.by_step.values() for name in names)


def read_outcome(run_folder: Path) -> Outcome:
    """Adds up the counts that the functions kept."""
    found: dict[str, Counter[str]] = {}
    for file in sorted((run_folder / "stats").glob("*/*.json")):
        counts = found.setdefault(file.parent.name, Counter())
        for name, count in _kept(file).items():
            word, _, number = name.partition(":")
            counts[word] += int(number) * count if number else count
    return Outcome(found, count_letters(run_folder))


@dataclass(frozen=True, slots=True)
class Told:
    """A run that has ended, with all that is told of it. ``calls`` is what a peer received, when there was one."""

    job: Job
    job_file: Path
    run_folder: Path
    ended: Execution
    committed: bool
    calls: list[dict[str, Any]] | None
    outcome: Outcome
    again: str = ""
    """The command that goes on with it, should it not have come to its end."""
    demo: bool = False
    """Whether what was unset was served, as ``--demo`` does."""
    on: str = ""
    """How a run was told to be on AWS; empty for one of this machine."""

    @property
    def where(self) -> str:
        """What ends a command that goes on with it."""
        return self.on or made_with(profile_of(self.run_folder), demo=self.demo)


def base_of(run_folder: Path) -> str | None:
    """The run that a run went on from, if it did."""
    file = run_folder / "run.json"
    return _kept(file).get("base") if file.is_file() else None


def _kept(file: Path) -> dict[str, Any]:
    """What a run has kept in a file of its folder; raises R123 as a run that goes on from it."""
    found: dict[str, Any] = RunFolder(open_store(str(file.parent)), "").read(f"/{file.name}")
    return found


def records_read(job: Job, outcome: Outcome) -> int:
    """Records read, those that an earlier run had read among them."""
    steps = [*walk_steps(job.steps)]
    others = {step.id for step in steps if not step.result_shape.lists or step.batch is not None or step.type == "store.list"}
    reused = sum(counts[REUSED] for step_id, counts in outcome.by_step.items() if step_id not in others)
    return outcome.total("read") + reused


def tables(job: Job, outcome: Outcome) -> dict[str, Counter[str]]:
    """What was written, by table."""
    found: dict[str, Counter[str]] = {}
    for step in walk_steps(job.steps):
        counts = outcome.by_step.get(step.id, Counter[str]())
        for table in step.writes():
            found.setdefault(table, Counter()).update({name: counts[name] for name in WRITES if counts[name]})
    return found


def first_error(run_folder: Path) -> dict[str, Any] | None:
    """The error that ended the run: the one kept last, for a retry replaces its own."""
    files = sorted((run_folder / "errors").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    if not files:
        return None
    return _kept(files[-1])


def consequence(told: Told) -> str:
    """What a failed run leaves behind."""
    job, outcome = told.job, told.outcome
    base = base_of(told.run_folder)
    scope = job.transaction.scope if job.transaction else None
    if scope == "db" and not told.committed and base and _had_committed(job, told.run_folder):
        return f"what was committed before, in {base}, stays; its calls that were open still are"
    if scope == "db" and not told.committed:
        called, invoked = outcome.total("called"), outcome.total("invoked")
        calls = f"; {_many(called, 'call')} had been made before" if called else " and no API was called"
        return f"nothing was written{calls}" + (f"; {_many(invoked, 'function call')} had been made before" if invoked else "")
    if scope == "db":
        return f"committed; {_many(_open_calls(job, outcome, told.run_folder), 'call')} open"
    parts = [_tables_state(job, outcome), _files_state(job, outcome)]
    if any(step.connects_to in CALLS for step in walk_steps(job.steps)) or not any(parts):
        parts.append(f"{_many(outcome.total('called'), 'call')} made in finished chunks")
    return "; ".join([*filter(None, parts), *([f"what {base} had committed stays"] if base else [])])


def _tables_state(job: Job, outcome: Outcome) -> str:
    by_table = tables(job, outcome)
    written = [f"{table}: {sum(counts.values()):,} records" for table, counts in by_table.items() if counts]
    if written:
        return f"committed before, and stays: {', '.join(written)}"
    return "of the tables nothing was written" if by_table else ""


def _files_state(job: Job, outcome: Outcome) -> str:
    done = files_done(job, outcome.by_step)
    if done:
        return f"done to files, and stays: {done}"
    return "of the files nothing was changed by a step that came to its end" if changes_files(job) else ""


def _had_committed(job: Job, run_folder: Path) -> bool:
    """Whether a run that this one went on from had committed the transaction of the whole job."""
    first = next(step.id for step in walk_steps(job.steps) if step.id in _database_ids(job))
    base = base_of(run_folder)
    while base is not None:
        run_folder = run_folder.parent / base
        if (run_folder / "results" / f"{first}.at").is_file():
            return True
        base = base_of(run_folder)
    return False


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _open_calls(job: Job, outcome: Outcome, run_folder: Path) -> int:
    first = min(at for at, step in enumerate(job.steps) if is_database(step))
    records = max((sum(counts.values()) for name, counts in outcome.by_step.items() if name in _database_ids(job)), default=0)
    behind: list[StepSpec] = [step for step in job.steps[first:] if is_call(step) and not is_database(step)]
    return sum(records - _finished(step, outcome, run_folder) for step in behind)


def _finished(step: StepSpec, outcome: Outcome, run_folder: Path) -> int:
    """Records that a step is through with: those of finished chunks, and those kept of a chunk that stopped."""
    kept = (file.read_text("utf-8").count("\n") for file in (run_folder / "partial" / step.id).glob("*.jsonl"))
    return sum(outcome.by_step.get(step.id, Counter[str]()).values()) + sum(kept)


def _database_ids(job: Job) -> set[str]:
    return {step.id for step in job.steps if is_database(step)}
