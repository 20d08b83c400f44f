"""Folders in the place of stores whose variables are not set, for ``--demo``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from portl.connections import secret_variable, variables
from portl.jobs import Job, is_store
from portl.stores import overridden, prefix_of
from portl_cli.commands._project import SAMPLE_FILES, Project


@contextmanager
def demo_stores(project: Project, job: Job, job_folder: Path, *, make: bool) -> Iterator[None]:
    """Puts a folder in the place of each store that cannot be opened, and takes it away at the end.

    It begins with what is in ``demo/<store>`` beside the job. Without ``make`` no folder is made: what it would begin with is
    looked at where it stands.
    """
    put: dict[str, str] = {}
    for name in sorted(_unset(job)):
        root = project.root / ".portl" / "stores" / job_folder.resolve().name / name
        sample = job_folder / SAMPLE_FILES / name
        if make and not root.is_dir():
            begin(root, sample)
        put |= {f"{prefix_of(name)}TYPE": "local", f"{prefix_of(name)}ROOT": str(root if root.is_dir() else sample)}
    os.environ.update(put)
    try:
        yield
    finally:
        for variable in put:
            os.environ.pop(variable, None)


def _unset(job: Job) -> Iterator[str]:
    """The stores that a variable is missing of, which the environment does not say otherwise."""
    for name, spec in job.connections.items():
        if is_store(spec):
            told = variables(overridden(name, spec))
            if any(not os.environ.get(each if kind == "env" else secret_variable(each)) for kind, each in told):
                yield name


def begin(root: Path, sample: Path) -> None:
    """Makes the folder with what is in the sample, whole or not at all: half of it would be taken for all, ever after."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as name:
        made = Path(name) / root.name
        if sample.is_dir():
            shutil.copytree(sample, made)
        else:
            made.mkdir()
        try:
            made.rename(root)
        except OSError:
            if not root.is_dir():  # else another process was quicker
                raise
