from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from portl.errors import JobError
from portl.jobs._checks import check_job
from portl.jobs._diagnostics import Diagnostic, closest
from portl.jobs._models import Job, StepSpec
from portl.jobs._yaml import Document, YamlProblem, read_yaml

MAX_JOB_BYTES = 1_000_000

_KINDS = {
    "extra_forbidden": "J002",
    "missing": "J003",
    "missing_type": "J003",
    "step_type": "J005",
    "string_pattern_mismatch": "J007",
}


def load_job(path: Path, step_types: Mapping[str, type[StepSpec]], connections: Mapping[str, type[BaseModel]]) -> Job:
    """Reads and checks a job file.

    Raises:
        JobError: with every diagnostic of the file, in the order of their places.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise JobError(f"{path} cannot be read: {problem.strerror}") from problem
    job, findings = parse_job(raw, str(path), step_types, connections, folder=path.parent)
    if findings or job is None:
        raise JobError(f"{path}: {len(findings)} problem{'s' if len(findings) != 1 else ''}", tuple(findings))
    return job


def parse_job(
    raw: bytes,
    file: str,
    step_types: Mapping[str, type[StepSpec]],
    connections: Mapping[str, type[BaseModel]],
    *,
    folder: Path | None = None,
) -> tuple[Job | None, list[Diagnostic]]:
    """The job in ``raw`` and what is wrong with it; no job when its form is wrong.

    Files that its steps name are read from ``folder``; without one, such a step is wrong (J307).
    """
    if len(raw) > MAX_JOB_BYTES:
        return None, [Diagnostic(file, 1, 1, "J001", f"a job file has at most {MAX_JOB_BYTES:,} bytes")]
    try:
        document = read_yaml(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        return None, [Diagnostic(file, line, 1, "J001", "the file is not UTF-8", "save it as UTF-8")]
    except YamlProblem as problem:
        return None, [Diagnostic(file, problem.line, problem.column, "J001", str(problem))]
    if not isinstance(document.value, dict):
        return None, [Diagnostic(file, 1, 1, "J001", "a job is a mapping with version, job and steps")]
    try:
        job = Job.model_validate(document.value, context={"step_types": step_types, "folder": folder})
    except ValidationError as problem:
        findings = [_finding(file, document, error, step_types) for error in problem.errors()]
        return None, sorted({*findings, *_findings_beside(file, document, problem, step_types, connections, folder)})
    return job, sorted(set(check_job(job, file, document, connections)))


def _findings_beside(
    file: str,
    document: Document,
    problem: ValidationError,
    step_types: Mapping[str, type[StepSpec]],
    connections: Mapping[str, type[BaseModel]],
    folder: Path | None,
) -> list[Diagnostic]:
    """What is wrong besides the form of some parts: those parts are left out, and nothing is said that they could explain."""
    broken = {error["loc"][0] for error in problem.errors() if error["loc"]} - {"steps"}
    rest = {key: value for key, value in document.value.items() if key not in broken}
    rest = {"version": 2, "job": "unnamed", **rest}
    try:
        job = Job.model_validate(rest, context={"step_types": step_types, "folder": folder, "lenient": True})
    except ValidationError:
        return []
    known = {str(value) for key in ("id", "save_as") for value in _values_of(document.value, key)}
    quiet = {"J202", "J204", "J205"} if broken else {"J202"}
    found = check_job(job, file, document, connections, whole=False)
    return [each for each in found if each.code not in quiet and not (each.code == "J201" and _names_one(each, known))]


def _values_of(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (item for name, item in value.items() if name == key)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _values_of(item, key)


def _names_one(finding: Diagnostic, names: set[str]) -> bool:
    return any(f'"{name}"' in finding.message for name in names)


def _finding(file: str, document: Document, error: Any, step_types: Mapping[str, type[StepSpec]]) -> Diagnostic:
    context = error.get("ctx") or {}
    path = _known_path(document, error["loc"])
    if "at" in context:
        path = (*path, context["at"])
    code = _KINDS.get(error["type"], "J004")
    spot = document.spot(path, key=code == "J002")
    message, hint = _wording(error, code, path, _fields_at(document, path[:-1], step_types))
    return Diagnostic(file, spot.line, spot.column, code, message, hint or str(context.get("hint", "")), path)


def _known_path(document: Document, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """``loc`` without the marks pydantic adds for unions, and with the field that is missing at its end."""
    path: tuple[str | int, ...] = ()
    for at, part in enumerate(loc):
        if (*path, part) in document.values or at == len(loc) - 1:
            path = (*path, part)
    return path


def _wording(error: Any, code: str, path: tuple[str | int, ...], fields: list[str]) -> tuple[str, str]:
    name = path[-1] if path else "job"
    if code == "J002":
        return f'unknown field "{name}"', closest(str(name), fields)
    if error["type"] == "missing":
        return f'the field "{name}" is missing', ""
    text = str(error["msg"])
    if code == "J007":
        return f"{error['input']!r} is no name: letters, digits and _ after a letter, at most 40", ""
    given = error.get("input")
    shown = f", not {given!r}" if isinstance(given, (str, int, float, bool, type(None))) and code == "J004" else ""
    return f"{name}: {text[0].lower()}{text[1:]}{shown}", ""


def _fields_at(document: Document, path: tuple[str | int, ...], step_types: Mapping[str, type[StepSpec]]) -> list[str]:
    """The fields a mapping at ``path`` may have, for did-you-mean."""
    model: Any = Job
    value: Any = document.value
    for part in path:
        value = _part(value, part)
        if isinstance(part, int) and isinstance(value, dict):
            model = step_types.get(str(value.get("type")), StepSpec)
        elif isinstance(part, str) and model is not None:
            model = _field_model(model, part)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _part(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _field_model(model: Any, name: str) -> Any:
    for key, field in model.model_fields.items():
        if (field.alias or key) == name:
            options = getattr(field.annotation, "__args__", (field.annotation,))
            return next((item for item in options if isinstance(item, type) and issubclass(item, BaseModel)), model)
    return None
