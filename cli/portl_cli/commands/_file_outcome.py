"""What a run did to files, in words: by step what was written, copied, moved and removed, and which file a step has made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portl.jobs import Job, StepSpec, walk_steps
from portl.runs import RunFolder
from portl.stores import open_store
from portl_cli.commands._stores.lines import amount, counted

_DONE = {"copied": "copied", "moved": "moved", "deleted": "removed"}


def files_done(job: Job, by_step: Mapping[str, Counter[str]]) -> str:
    """``2 files written by as_csv, 7 files copied by fetch``; empty where no step has changed a file."""
    return ", ".join(told for step in walk_steps(job.steps) if (told := _done(step, by_step.get(step.id, Counter()))))


def changes_files(job: Job) -> bool:
    """Whether any step writes, copies, moves or removes files."""
    return any(step.files == "changed" for step in walk_steps(job.steps))


def file_made(step: StepSpec, run_folder: Path) -> str:
    """``, out:all.csv, 1.2 kB``: what a file.write has made, where the run knows it; else empty."""
    if step.type != "file.write":
        return ""
    found: dict[str, Any] = RunFolder(open_store(str(run_folder.parent)), run_folder.name).find(f"results/{step.id}.json") or {}
    found = found.get("value") or {}
    if "path" not in found:
        return ""
    files = f", {counted(found['files'])}" if found.get("files", 1) != 1 else ""
    return f", {found['path']}{files}, {amount(found['size'])}"


def _done(step: StepSpec, counts: Counter[str]) -> str:
    if step.type == "file.write":
        records = counts["written"]
        return f"{records:,} record{'' if records == 1 else 's'} written by {step.id}" if records else ""
    told = [f"{counted(counts[name])} {word}" for name, word in _DONE.items() if counts[name]]
    return f"{', '.join(told)} by {step.id}" if told and step.files == "changed" else ""
