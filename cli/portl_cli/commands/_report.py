"""What a run says at its end: what its records came to, or where it failed, why, and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from portl.jobs import Job, place_in_job, walk_steps
from portl.runs import REPLAYED
from portl_cli.commands._again import all_failed_command, corrected_command, replayed_run
from portl_cli.commands._file_outcome import file_made
from portl_cli.commands._letters import count_letters
from portl_cli.commands._outcome import Told, base_of, consequence, first_error, records_read, tables
from portl_cli.commands._reused import reused_document, reused_lines

MOST_PATHS = 8
PRICE_PER_TRANSITION = 0.025 / 1000
"""US dollars, Standard Workflows, us-east-1. https://aws.amazon.com/step-functions/pricing/ (2026-11)"""


def summary(told: Told) -> Iterator[str]:
    """The lines of a run that is done."""
    job, outcome = told.job, told.outcome
    yield ""
    width = max((len(step.id) for step in walk_steps(job.steps)), default=0)
    for step in walk_steps(job.steps):
        counts = outcome.by_step.get(step.id)
        if counts:
            yield f"  {step.id:<{width}}  {step.type:<13}  {_counted(counts)}{file_made(step, told.run_folder)}"
    yield ""
    yield from reused_lines(told)
    yield f"  records {records_read(job, outcome):,}"
    for table, counts in tables(job, outcome).items():
        if counts:
            yield f"  {table}: {_counted(counts)}"
    if outcome.total(REPLAYED):
        yield _answered(told)
    yield from dead_letters(told)
    yield f"  calls {outcome.total('called'):,}, invocations {outcome.total('invoked'):,}"
    yield from _received(told)
    transitions = told.ended.transitions
    yield f"  state transitions {transitions:,}, on AWS about ${transitions * PRICE_PER_TRANSITION:.4f}"


def _answered(told: Told) -> str:
    """Why something was not done: a run that goes on from another one, or has no key, cannot be told to do it anew."""
    if told.job.run_key is None or base_of(told.run_folder) is not None:
        return "  what was committed before was answered as before"
    return "  what a run of the same run_key had written was answered as before; --new-key does the work anew"


def summary_document(told: Told) -> dict[str, Any]:
    """The same for machines."""
    job, outcome = told.job, told.outcome
    return {
        "records": records_read(job, outcome),
        "steps": {step_id: dict(counts) for step_id, counts in outcome.by_step.items()},
        "tables": {table: dict(counts) for table, counts in tables(job, outcome).items()},
        "dead_letters": dict(outcome.letters),
        "calls": outcome.total("called"),
        "invocations": outcome.total("invoked"),
        "transitions": told.ended.transitions,
        "usd": round(told.ended.transitions * PRICE_PER_TRANSITION, 6),
        **reused_document(told),
    }


def dead_letters(told: Told) -> Iterator[str]:
    """How many records were kept aside, by step, and what can be done about them."""
    letters = told.outcome.letters
    if letters:
        count = sum(letters.values())
        steps = ", ".join(f"{step} ({number:,})" if len(letters) > 1 else step for step, number in letters.items())
        yield f"  {count:,} record{'' if count == 1 else 's'} failed: dead letters of {steps}"
        commands = {f"portl runs show {told.run_folder.name} --failed": "lists them"}
        if not told.on:  # what a replay needs of a run on AWS is not on this machine
            commands[replay_command(told)] = "does them again"
        width = max(map(len, commands))
        for command, what in commands.items():
            yield f"    {command:<{width}}  {what}"


def replay_command(told: Told) -> str:
    """The command that does again what was kept aside: a replay's is that of its run, or its own where that has no letters."""
    base = replayed_run(told.run_folder)
    if base is not None and not count_letters(told.run_folder.parent / base):
        return told.again
    return all_failed_command(told.run_folder, where=told.where)


def _received(told: Told) -> Iterator[str]:
    """What a peer received: by method and path, or where paths hold keys by method alone."""
    whole = Counter((call["method"], call["path"].partition("?")[0]) for call in told.calls or ())
    if len(whole) <= MOST_PATHS:
        yield from (f"  the peer received {count:,} {method} {path}" for (method, path), count in sorted(whole.items()))
        return
    for method in sorted({method for method, _ in whole}):
        counts = [count for (each, _), count in whole.items() if each == method]
        yield f"  the peer received {sum(counts):,} {method} on {len(counts):,} paths"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))


def failure_of(told: Told) -> Iterator[str]:
    """The lines of a run that failed or was interrupted, with what it leaves behind."""
    if told.ended.status == "ABORTED":
        yield "interrupted: what was open is rolled back"
    else:
        yield from failure(told.job, told.job_file, first_error(told.run_folder), _cause(told))
    yield f"  state   {consequence(told)}"
    yield from dead_letters(told)
    yield from reused_lines(told)
    yield from _ways_on(told)


def _ways_on(told: Told) -> Iterator[str]:
    """The command to go on with; where a corrected file would be other work that for the file, too."""
    corrected = _corrected(told)
    if corrected:
        yield f"  again   {corrected}  (a corrected file is other work: its run key differs)"
        yield f"  or      {told.again}  (the job corrected, the file as it was)"
    elif told.again:
        yield f"  again   {told.again}"


def _corrected(told: Told) -> str:
    error = first_error(told.run_folder) if told.ended.status != "ABORTED" else None
    return corrected_command(told.job, told.job_file, told.run_folder, error, where=told.where) if error and told.again else ""


def failure_document(told: Told) -> dict[str, Any]:
    """The same for machines: the error as the run keeps it, with its place in the job."""
    error = first_error(told.run_folder) or {"code": "", "message": _cause(told), "hint": "", "place": {}, "detail": {}}
    spot = place_in_job(told.job_file, error)
    job = {"file": str(told.job_file), **({"line": spot.line, "column": spot.column} if spot else {})}
    where = _where(told.job, error["place"]) if error["place"] else ""
    return {**error, "where": where, "job": job, "state": consequence(told), "again": told.again, "corrected": _corrected(told)}


def _cause(told: Told) -> str:
    return f"{told.ended.error}: {told.ended.cause}"


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
    for line in (line for entry in detail.get("stack", ())[-1:] for line in str(entry).splitlines()):
        yield f"  at      {line.strip()}"
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
