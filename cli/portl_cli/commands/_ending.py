"""How a run ended, kept in its folder with the page that shows it; and the same of a run that could not say it any more."""

from __future__ import annotations

import difflib
import fcntl
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from portl.jobs import Job
from portl.values import redact
from portl_cli.commands._again import all_failed_command, made_with, profile_of, resume_command
from portl_cli.commands._outcome import Told, base_of, consequence, read_outcome
from portl_cli.commands._report import failure_document, failure_of, replay_command, summary, summary_document
from portl_cli.commands._watch import HISTORY, Watch
from portl_cli.engine import Execution
from portl_cli.page import PAGE, Course, write_page

ENDED = "ended.json"
LAST = "last"
NEAREST = 5
STAMP = re.compile(r"-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)-[^-]*$")


def keep_ending(told: Told, course: Course) -> None:
    """Keeps how a run ended, and makes its page."""
    if told.ended.status == "SUCCEEDED":
        _keep(told, course, "SUCCEEDED", [*summary(told)], None)
    elif told.ended.status == "ABORTED":
        _keep(told, course, "INTERRUPTED", [*failure_of(told)], None)
    else:
        _keep(told, course, told.ended.status, [*failure_of(told)], failure_document(told))


def keep_broken(job: Job, job_file: Path, run_folder: Path, watched: Watch, problem: BaseException, *, demo: bool) -> None:
    """The same of a run that an error of the machine it ran on has ended."""
    text = f"{type(problem).__name__}: {problem}"
    ended = Execution("ABORTED", None, type(problem).__name__, text, [], watched.course.transitions)
    outcome = read_outcome(run_folder)
    told = Told(job, job_file, run_folder, ended, watched.committed, calls=None, outcome=outcome, demo=demo)
    _keep(told, watched.course, "ABORTED", [text, consequence(told)], None)


def keep_left(told: Told, course: Course, lines: list[str]) -> None:
    """Keeps what is known of a run that nobody follows any more and that goes on."""
    _keep(told, course, "RUNNING", lines, None)


def _keep(told: Told, course: Course, status: str, lines: list[str], failure: dict[str, Any] | None) -> None:
    document = {
        "run": told.run_folder.name,
        "job": told.job.job,
        "job_file": str(told.job_file),
        "status": status,
        **_times(course),
        "error": told.ended.error,
        "cause": told.ended.cause,
        **summary_document(told),
        "base": base_of(told.run_folder),
        "failure": failure,
        "lines": lines,
        "replay": replay_command(told),
    }
    kept = redact(document)
    new = told.run_folder / f".{ENDED}"
    new.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")
    new.replace(told.run_folder / ENDED)
    try:
        write_page(told.run_folder, kept, course)
    except Exception as problem:  # noqa: BLE001 - what a run came to does not hang on its page
        click.echo(redact(f"the run's page could not be made: {type(problem).__name__}: {problem}"), err=True)


def _times(course: Course) -> dict[str, Any]:
    seconds = (course.ended - course.began).total_seconds() if course.began and course.ended else None
    began, ended = (each.isoformat() if each else None for each in (course.began, course.ended))
    return {"started": began, "ended": ended, "seconds": seconds}


def kept_runs(root: Path) -> Iterator[dict[str, Any]]:
    """What is known of every run under the runs' root without reading its history, newest first."""
    folders = [path for path in root.iterdir() if _is_run(path)] if root.is_dir() else []
    yield from sorted((_brief(path) for path in folders), key=lambda each: (_made(each), each["run"]), reverse=True)


def _made(run: dict[str, Any]) -> str:
    """When a run began, as text that sorts; of one that did not begin when its folder was made, which its id says."""
    stamp = STAMP.search(run["run"])
    return str(run.get("started") or (stamp.expand(r"\1-\2-\3T\4:\5:\6") if stamp else ""))


def find_run(root: Path, wanted: str) -> str:
    """The id of a run by its beginning, or that of the newest one that began for ``last``.

    Raises:
        UsageError: there is no such run, or more than one.
    """
    runs = [*kept_runs(root)]
    names = [str(run["run"]) for run in runs]
    if not names:
        raise click.UsageError(f"there are no runs in {root}")
    if wanted == LAST:
        return next((str(run["run"]) for run in runs if run["status"] != "NOT_STARTED"), names[0])
    if wanted in names:
        return wanted
    found = [name for name in names if name.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{len(found)} runs begin with {wanted}: {', '.join(found[:NEAREST])}")
    near = difflib.get_close_matches(wanted, names, n=NEAREST, cutoff=0.3) or names[:NEAREST]
    raise click.UsageError(f"there is no run {wanted}; the nearest are {', '.join(near)}")


def _is_run(path: Path) -> bool:
    """A run's folder has a history, or is still empty because the run could not begin; ``specs`` holds neither."""
    return path.is_dir() and path.name != "specs" and not path.name.startswith(".")


def _brief(folder: Path) -> dict[str, Any]:
    """How a run ended, or what can be seen of one that did not say it.

    What it said is masked, and a secret that is a common word stands in names too: those are taken from elsewhere.
    """
    kept: dict[str, Any] | None = _json(folder / ENDED)
    begun = _json(folder / "run.json") or {}
    if kept is not None:
        return {**kept, "run": folder.name, "job": begun.get("job", kept["job"])}
    job, _, _ = folder.name.rsplit("-", 2) if folder.name.count("-") > 1 else (folder.name, "", "")
    return {
        "run": folder.name,
        "job": begun.get("job", job),
        "status": _status(folder),
        "started": begun.get("began_at") or begun.get("started_at"),
        "base": begun.get("base"),
        "ended": None,
        "seconds": None,
        "records": None,
        "lines": [],
        "failure": None,
    }


def _status(folder: Path) -> str:
    """A run that has not ended holds its history's lock as long as it lives."""
    try:
        with (folder / HISTORY).open("rb") as history:
            fcntl.flock(history, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return "NOT_STARTED"
    except BlockingIOError:
        return "RUNNING"
    return "KILLED"


def whole_run(folder: Path) -> dict[str, Any]:
    """All that is known of a run. One that was killed gets the page that it could not make itself."""
    found = _brief(folder)
    if found["status"] != "KILLED":
        return found
    outcome, course = read_outcome(folder), Course.read(folder / HISTORY)
    found |= {**_times(course), "records": outcome.total("read"), "transitions": course.transitions}
    where = made_with(profile_of(folder), demo=False)
    found["replay"] = all_failed_command(folder, where=where)
    found |= {"steps": {step: dict(counts) for step, counts in outcome.by_step.items()}}
    found["lines"] = [
        "killed: it could not say how it ended; what was open is rolled back",
        f"  again   {resume_command(Path('JOB'), folder.name, where=where)}",
    ]
    write_page(folder, found, course)
    return found


def page_of(folder: Path) -> Path | None:
    """Where a run's page is, if it has one."""
    page = folder / PAGE
    return page if page.is_file() else None


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
