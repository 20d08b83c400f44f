"""What a run says at its end, out of what it kept in its folder: counts by step, or the failure and the way out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portl.jobs import Job, StepSpec, is_call, is_database, place_in_job, walk_steps

PRICE_PER_TRANSITION = 0.025 / 1000
"""US dollars, Standard Workflows, us-east-1. https://aws.amazon.com/step-functions/pricing/ (2026-11)"""
WRITES = ("inserted", "updated", "unchanged", "skipped")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the records of a run came to."""

    by_step: Mapping[str, Counter[str]]

    def total(self, *names: str) -> int:
        """How often any step came to one of these."""
        return sum(counts[name] for counts in self.by_step.values() for name in names)


def read_outcome(run_folder: Path) -> Outcome:
    """Adds up the counts that the functions kept."""
    found: dict[str, Counter[str]] = {}
    for file in sorted((run_folder / "stats").glob("*/*.json")):
        counts = found.setdefault(file.parent.name, Counter())
        for name, count in json.loads(file.read_text("utf-8")).items():
            word, _, number = name.partition(":")
            counts[word] += int(number) * count if number else count
    return Outcome(found)


def summary(job: Job, outcome: Outcome, calls: Iterable[Mapping[str, Any]] | None, transitions: int) -> Iterator[str]:
    """The lines of a run that is done."""
    yield ""
    width = max((len(step.id) for step in walk_steps(job.steps)), default=0)
    for step in walk_steps(job.steps):
        counts = outcome.by_step.get(step.id)
        if counts:
            yield f"  {step.id:<{width}}  {step.type:<13}  {_counted(counts)}"
    yield ""
    yield f"  records {outcome.total('read'):,}"
    for table, counts in tables(job, outcome).items():
        yield f"  {table}: {_counted(counts)}"
    yield f"  calls {outcome.total('called'):,}, invocations {outcome.total('invoked'):,}"
    if calls is not None:
        received = Counter(f"{call['method']} {call['path']}" for call in calls)
        for what, count in sorted(received.items()):
            yield f"  the peer received {count:,} {what}"
    yield f"  state transitions {transitions:,}, on AWS about ${transitions * PRICE_PER_TRANSITION:.4f}"


def tables(job: Job, outcome: Outcome) -> dict[str, Counter[str]]:
    """What was written, by table."""
    found: dict[str, Counter[str]] = {}
    for step in walk_steps(job.steps):
        counts = outcome.by_step.get(step.id, Counter[str]())
        for table in step.writes():
            found.setdefault(table, Counter()).update({name: counts[name] for name in WRITES if counts[name]})
    return found


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))


def first_error(run_folder: Path) -> dict[str, Any] | None:
    """The error that ended the run: the one kept last, for a retry replaces its own."""
    files = sorted((run_folder / "errors").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    if not files:
        return None
    found: dict[str, Any] = json.loads(files[-1].read_text("utf-8"))
    return found


def failure(job: Job, file: Path, error: Mapping[str, Any] | None, cause: str) -> Iterator[str]:
    """The lines of a run that failed: where, why, and what to do."""
    if error is None:
        yield f"failed: {cause}"
        return
    yield f"failed in {_where(job, error['place'])}"
    spot = place_in_job(file, error)
    if spot is not None:
        yield f"  job     {file}:{spot.line}:{spot.column}"
    yield f"  cause   {error['code']} {error['message']}"
    detail = error.get("detail", {})
    if detail.get("sql"):
        yield f"  SQL     {' '.join(str(detail['sql']).split())}"
        if detail.get("params"):
            yield f"  values  {', '.join(map(str, detail['params']))}"
    if detail.get("url"):
        yield f"  request {detail.get('method', '')} {detail['url']}"
    if error.get("hint"):
        yield f"  to do   {error['hint']}"


def _where(job: Job, place: Mapping[str, Any]) -> str:
    step = next((each for each in walk_steps(job.steps) if each.id == place.get("step")), None)
    parts = [f"{place.get('step') or 'the run'}" + (f" ({step.type})" if step else "")]
    if place.get("record") is not None:
        parts.append(f"record {place['record'] + 1:,}")
    if place.get("line") is not None:
        parts.append(f"{place.get('file', 'the file')} line {place['line']:,}")
    elif place.get("file"):
        parts.append(str(place["file"]))
    if place.get("column"):
        parts.append(f"column {place['column']}")
    return ", ".join(parts)


def consequence(job: Job, outcome: Outcome, run_folder: Path, *, committed: bool) -> str:
    """What a failed run leaves behind."""
    scope = job.transaction.scope if job.transaction else None
    if scope == "db" and not committed:
        called = outcome.total("called")
        return "nothing was written" + (" and no API was called" if not called else f"; {called:,} calls had been made before")
    if scope == "db":
        return f"committed; {_open_calls(job, outcome, run_folder):,} calls open"
    return "what was committed before stays; the run folder says what"


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
