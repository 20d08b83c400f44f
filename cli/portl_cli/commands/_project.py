"""The folder a job belongs to: where ``template.yaml`` is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portl.connections import CONNECTION_TYPES
from portl.errors import JobError, SetupError
from portl.jobs import Job, load_job
from portl.steps import STEP_TYPES
from portl_cli.compile import Compiled, compile_job
from portl_cli.engine import Function, MachineError, Template, check, load_template

TEMPLATE = "template.yaml"
SCHEMA = "schema.sql"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a template, and the functions in it."""

    root: Path
    template: Template

    def function(self, folder: str) -> Function:
        """The function whose code is in ``functions/<folder>``.

        Raises:
            SetupError: V120, the template has none.
        """
        for function in self.template.functions.values():
            if function.code_dir.name == folder:
                return function
        hint = f"add it to {TEMPLATE} with CodeUri: functions/{folder}/"
        raise SetupError(f"{self.root / TEMPLATE} has no function in functions/{folder}", code="V120", hint=hint)

    def timeout_s(self, folder: str) -> int:
        """A function's timeout in seconds."""
        return int(self.function(folder).timeout)

    @property
    def jobs(self) -> list[Path]:
        """The job files of ``statemachines/``, by name."""
        return sorted(self.root.glob("statemachines/*/job.yaml"))


def find_project(start: Path) -> Project:
    """The project around a file or folder.

    Raises:
        SetupError: V121, no folder above has a template.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / TEMPLATE).is_file():
            return Project(folder, load_template(folder / TEMPLATE))
    raise SetupError(f"there is no {TEMPLATE} above {start}", code="V121", hint="run it inside a Portl project")


def read_job(path: Path) -> Job:
    """The job of a file, or of a folder with a ``job.yaml``.

    Raises:
        JobError: it is wrong; with every diagnostic.
    """
    file = path / "job.yaml" if path.is_dir() else path
    return load_job(file, STEP_TYPES, CONNECTION_TYPES, functions=functions_around(file))


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
        SetupError: there is no project around it.
    """
    if not path.exists():
        raise JobError(f"{path} is not there")
    job = read_job(path)
    project = find_project(path)
    timeout: Callable[[str], int] = project.timeout_s
    found = compile_job(job, timeout)
    findings = check(found.definition, substitution_keys=[f"{name}Arn" for name in project.template.functions])
    if findings:
        raise MachineError(findings)
    return project, found
