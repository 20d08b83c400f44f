"""The folder a job belongs to: where ``template.yaml`` is, or where ``statemachines/`` stands without one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portl.connections import CONNECTION_TYPES
from portl.errors import JobError, SetupError
from portl.jobs import NO_STORES_FILE, PROFILE, STORES_FILES, Job, StoresFile, load_job, load_stores, with_profile
from portl.steps import STEP_TYPES
from portl.stores import PROJECT
from portl_cli.bundle import bundle
from portl_cli.commands._older import older_job
from portl_cli.compile import Compiled, compile_job
from portl_cli.engine import Function, MachineError, Template, check, load_template
from portl_cli.legacy import is_old_form, read_old_job

TEMPLATE = "template.yaml"
JOBS = "statemachines"
SCHEMA = "schema.sql"
SAMPLE_ROWS = "demo.sql"
SAMPLE_FILES = "demo"
"""The folder beside a job that holds, by store, what a demo's stores begin with."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with jobs. ``template_file`` is its own, or the installation's where it has none (``bundled``)."""

    root: Path
    template: Template
    template_file: Path
    bundled: bool = False

    def function(self, folder: str) -> Function:
        """The function whose code is in ``functions/<folder>``.

        Raises:
            SetupError: V120, the template has none.
        """
        for function in self.template.functions.values():
            if function.code_dir.name == folder:
                return function
        hint = f"add it to {TEMPLATE} with CodeUri: functions/{folder}/"
        if self.bundled:
            hint = f"name it file.py:function beside the job, or let `portl init --deploy` write a {TEMPLATE} to add it to"
        raise SetupError(f"{self.template_file} has no function in functions/{folder}", code="V120", hint=hint)

    def timeout_s(self, folder: str) -> int:
        """A function's timeout in seconds."""
        return int(self.function(folder).timeout)

    @property
    def jobs(self) -> list[Path]:
        """The job files of ``statemachines/``, by name."""
        return sorted(self.root.glob("statemachines/*/job.yaml"))


def find_project(start: Path) -> Project:
    """The project around a file or folder; a folder without a template runs on the one the installation brings.

    Raises:
        SetupError: V20x, the template cannot be read.
    """
    root = project_root(start)
    if (root / TEMPLATE).is_file():
        return Project(root, load_template(root / TEMPLATE), root / TEMPLATE)
    brought = bundle() / TEMPLATE
    return Project(root, load_template(brought), brought, bundled=True)


def project_root(start: Path) -> Path:
    """The folder of the project around a file or folder."""
    place = start.resolve()
    folders = (place, *place.parents)
    beside = place if place.is_dir() else place.parent
    return next(
        (folder for folder in folders if (folder / TEMPLATE).is_file()),
        next((folder for folder in folders if (folder / JOBS).is_dir()), beside),
    )


def begin_roots(path: Path) -> None:
    """Relative roots of stores begin in the project around a path: in this process and in those of functions."""
    os.environ[PROJECT] = str(project_root(path))


def runs_folder(project: Project) -> Path:
    """Where the runs of a project are kept: ``PORTL_RUNS``, else ``.portl/runs`` in it."""
    return Path(os.environ.get("PORTL_RUNS") or project.root / ".portl" / "runs").resolve()


def job_file(path: Path) -> Path:
    """The file of a job that is named by it, or by its folder."""
    return path / "job.yaml" if path.is_dir() else path


def read_job(path: Path) -> Job:
    """The job of a file, or of a folder with a ``job.yaml``.

    Raises:
        JobError: it is wrong; with every diagnostic.
    """
    file = job_file(path)
    begin_roots(file)
    stores = stores_around(file)
    if is_old_form(file):
        older = older_job(read_old_job(file, functions=functions_around(file), stores=stores))
        return with_profile(older, stores, os.environ.get(PROFILE))
    job = load_job(file, STEP_TYPES, CONNECTION_TYPES, functions=functions_around(file), stores=stores)
    return with_profile(job, stores, os.environ.get(PROFILE))


def stores_around(path: Path) -> StoresFile:
    """What ``stores.yaml`` or ``stores.toml`` beside the project's template declares; nothing where neither is there.

    Raises:
        JobError: it is wrong, or both are there.
    """
    file = stores_file(path)
    return load_stores(file) if file else NO_STORES_FILE


def stores_file(path: Path) -> Path | None:
    """The file of stores of the project around a path. Raises JobError where there are two."""
    root = project_root(path)
    there = [root / name for name in STORES_FILES if (root / name).is_file()]
    if len(there) > 1:
        raise JobError(f"{there[0]} and {there[1].name} are both there: keep one of them")
    return there[0] if there else None


def functions_around(path: Path) -> frozenset[str] | None:
    """The folders whose functions a job may name; None when there is no project around it, which is told elsewhere."""
    try:
        project = find_project(path)
    except SetupError:
        return None
    return frozenset(function.code_dir.name for function in project.template.functions.values())


def compiled(path: Path) -> tuple[Project, Compiled]:
    """The project of a job file and what its job compiles to.

    Raises:
        JobError: the job is wrong.
        SetupError: the project's template cannot be read.
    """
    if not path.exists():
        raise JobError(f"{path} is not there")
    job = read_job(path)
    project = find_project(path)
    return project, compiled_in(project, job)


def compiled_in(project: Project, job: Job) -> Compiled:
    """What a checked job compiles to in its project.

    Raises:
        JobError: its state could grow too large.
        MachineError: what came out is no machine that Step Functions takes.
    """
    timeout: Callable[[str], int] = project.timeout_s
    found = compile_job(job, timeout)
    findings = check(found.definition, substitution_keys=[f"{name}Arn" for name in project.template.functions])
    if findings:
        raise MachineError(findings)
    return found
