"""The commands that a run names at its end: those that go on with it, and those that do its records again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from portl.jobs import Job, Param
from portl.runs import RunFolder
from portl.stores import open_store

OF_A_VALUE = ("D103", "D104")
"""What a database refuses on account of a record: a constraint, a value."""


class Refused(click.ClickException):
    """A command that is rightly written and cannot be done: said as it is, without the command's usage."""

    exit_code = 2


def run_file(run_folder: Path) -> dict[str, Any]:
    """What a run has kept of its beginning; empty for one that never began. Raises RunError: R123, it is damaged."""
    found: dict[str, Any] = RunFolder(open_store(str(run_folder.parent)), run_folder.name).find("run.json") or {}
    return found


def replayed_run(run_folder: Path) -> str | None:
    """The run whose records a replay did again; None for a run that is no replay."""
    kept = run_file(run_folder)
    return kept["base"] if kept.get("origin", {}).get("picks") is not None else None


def profile_of(run_folder: Path) -> str | None:
    """The profile that a run was made under, by ``--profile`` or by the environment."""
    return run_file(run_folder).get("profile")


def made_with(profile: str | None, *, demo: bool) -> str:
    """What every command that goes on with a run on this machine has to say again of how it was made."""
    return " ".join([*(["--profile", shlex.quote(profile)] if profile else []), *(["--demo"] if demo else [])])


def resume_command(job_file: Path, run: str, *, where: str = "") -> str:
    """The command that goes on with a run that did not come to its end. ``where`` ends it, such as ``--demo``."""
    return _joined("portl run", shlex.quote(str(job_file)), "--resume", run, where=where)


def anew_command(job_file: Path, declared: Mapping[str, Param], params: Mapping[str, Any], *, where: str = "") -> str:
    """The command that does a job anew with the parameters of a run, those left out that are the job's defaults."""
    told = {name: value for name, value in params.items() if name in declared and value != declared[name].default}
    given = [word for name, value in told.items() for word in ("--param", shlex.quote(f"{name}={_text(value)}"))]
    return _joined("portl run", shlex.quote(str(job_file)), *given, where=where)


def corrected_command(job: Job, job_file: Path, run_folder: Path, error: Mapping[str, Any], *, where: str = "") -> str:
    """The command for a corrected source file, where it is other work; empty where the error leaves the file as it is.

    A ``run_key`` that hashes the file comes to something else then, so the run cannot be gone on with (R153).
    """
    place, code = error.get("place", {}), str(error.get("code", ""))
    in_file = bool(place.get("file")) and (code[:1] in ("C", "M") or code in OF_A_VALUE)
    if not in_file or not hashes_files(job) or replayed_run(run_folder) is not None:
        return ""
    return anew_command(job_file, job.params, run_file(run_folder).get("params", {}), where=where)


def hashes_files(job: Job) -> bool:
    """Whether another content of a file makes other work of a run."""
    return "checksum" in (job.run_key or "")


def all_failed_command(run_folder: Path, *, where: str = "") -> str:
    """The command that does every record again that a run, or the run that it replays, has kept aside."""
    run = replayed_run(run_folder) or run_folder.name
    return _joined("portl runs replay", run, "--all-failed", where=where)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _joined(*words: str, where: str) -> str:
    return " ".join([*words, *([where] if where else [])])
