from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from portl.errors import JobError
from portl.jobs._checks import check_job
from portl.jobs._diagnostics import Diagnostic
from portl.jobs._form import form_finding, not_misspelt
from portl.jobs._mending import mended
from portl.jobs._models import Declared, Job, StepSpec
from portl.jobs._stores import NO_STORES_FILE, StoresFile, read_document, with_stores
from portl.jobs._yaml import Document, YamlProblem, read_yaml
from portl.stores import STORE_TYPES

MAX_JOB_BYTES = 1_000_000
_SURE_BESIDE_A_KEY_TWICE = frozenset({"J002", "J004", "J005", "J007", "J101", "J102", "J104", "J501"})
"""What is wrong whichever of the two values was meant."""

StepTypes = Mapping[str, type[StepSpec]]
ConnectionTypes = Mapping[str, type[BaseModel]]
Functions = Collection[str] | None
"""The folders of functions/ that a connection may name; None when nobody knows."""


def load_job(
    path: Path,
    step_types: StepTypes,
    connections: ConnectionTypes,
    *,
    functions: Functions = None,
    stores: StoresFile = NO_STORES_FILE,
) -> Job:
    """Reads and checks a job file. Warnings keep nobody from running it.

    Raises:
        JobError: with every diagnostic of the file, in the order of their places.
    """
    job, findings = check_file(path, step_types, connections, functions=functions, stores=stores)
    errors = [each for each in findings if each.level == "error"]
    if errors or job is None:
        raise JobError(f"{path}: {len(errors)} problem{'s' if len(errors) != 1 else ''}", tuple(findings))
    return job


def check_file(
    path: Path,
    step_types: StepTypes,
    connections: ConnectionTypes,
    *,
    functions: Functions = None,
    stores: StoresFile = NO_STORES_FILE,
) -> tuple[Job | None, list[Diagnostic]]:
    """The job of a file and what is wrong with it; no job when its form is wrong.

    Raises:
        JobError: the file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise JobError(f"{path} cannot be read: {problem.strerror}") from problem
    return parse_job(raw, str(path), step_types, connections, functions=functions, folder=path.parent, stores=stores)


def parse_job(
    raw: bytes,
    file: str,
    step_types: StepTypes,
    connections: ConnectionTypes,
    *,
    functions: Functions = None,
    folder: Path | None = None,
    stores: StoresFile = NO_STORES_FILE,
) -> tuple[Job | None, list[Diagnostic]]:
    """The job in ``raw`` and what is wrong with it; no job when its form is wrong.

    Files that its steps name are read from ``folder``; without one, such a step is wrong (J307). ``stores`` are
    those that are declared beside the job.
    """
    if len(raw) > MAX_JOB_BYTES:
        return None, [Diagnostic(file, 1, 1, "J001", f"a job file has at most {MAX_JOB_BYTES:,} bytes")]
    try:
        document = read_yaml(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        return None, [Diagnostic(file, line, 1, "J001", "the file is not UTF-8", "save it as UTF-8")]
    except YamlProblem as problem:
        return None, [Diagnostic(file, problem.line, problem.column, "J001", str(problem), problem.hint)]
    if not isinstance(document.value, dict):
        return None, [Diagnostic(file, 1, 1, "J001", "a job is a mapping with version, job and steps")]
    context = {"step_types": step_types, "folder": folder}
    job, findings = _checked(file, document, context, connections, functions, stores)
    if document.problems:
        twice = [Diagnostic(file, each.line, each.column, "J001", str(each)) for each in document.problems]
        return None, sorted({*twice, *(each for each in findings if each.code in _SURE_BESIDE_A_KEY_TWICE)})
    return job, findings


def _checked(
    file: str,
    document: Document,
    context: dict[str, Any],
    connections: ConnectionTypes,
    functions: Functions,
    stores: StoresFile,
) -> tuple[Job | None, list[Diagnostic]]:
    try:
        job = Job.model_validate(document.value, context=context)
    except ValidationError as problem:
        found = {form_finding(file, document, error, context["step_types"]) for error in problem.errors()}
        rest = mended(document.value, context)
        if rest is not None:
            found.update(check_job(with_stores(rest[0], stores), file, document, connections, rest[1], functions))
        return None, not_misspelt(found)
    job = with_stores(job, stores)
    return job, not_misspelt(check_job(job, file, document, connections, functions=functions))


def load_stores(path: Path) -> StoresFile:
    """Reads and checks a file of stores.

    Raises:
        JobError: with every diagnostic of the file.
    """
    found, findings = check_stores(path)
    errors = [each for each in findings if each.level == "error"]
    if errors or found is None:
        raise JobError(f"{path}: {len(errors)} problem{'s' if len(errors) != 1 else ''}", tuple(findings))
    return found


def check_stores(path: Path) -> tuple[StoresFile | None, list[Diagnostic]]:
    """What a file of stores declares, and what is wrong with it: it has ``connections`` and ``profiles`` as a job has.

    Raises:
        JobError: it cannot be read.
    """
    document, findings = read_document(path)
    if document is None or findings:
        return None, findings
    value = document.value if document.value is not None else {}
    try:
        declared = Declared.model_validate(value)
    except ValidationError as problem:
        return None, sorted({form_finding(str(path), document, error, {}) for error in problem.errors()})
    job = Job.model_construct(version=2, job="stores", steps=[], **dict(declared))
    findings = check_job(job, str(path), document, STORE_TYPES)
    return StoresFile(str(path), declared.connections, declared.profiles), findings
