"""An older job file, read: what is wrong with it, and the job that it means, both at the places of the older file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from portl.connections import CONNECTION_TYPES, secret_variable
from portl.errors import JobError
from portl.jobs import NO_STORES_FILE, Diagnostic, Document, Job, StoresFile, YamlProblem, closest, parse_job, read_yaml
from portl.steps import STEP_TYPES
from portl_cli.legacy._convert import Converted, convert
from portl_cli.legacy._models import SIDES, OldForm
from portl_cli.legacy._unequal import Way

_SOURCE = re.compile(r"""^(?:["']?source["']?\s*:|\s*\{)""", re.MULTILINE)
_CODES = {"extra_forbidden": "J002", "missing": "J003"}


@dataclass(frozen=True, slots=True)
class OldJob:
    """An older job file and what became of it. Without ``job`` the findings say what is in the way."""

    file: Path
    converted: Converted
    findings: tuple[Diagnostic, ...]
    job: Job | None
    document: Document

    def line(self, path: Way) -> int:
        """The line of a value of the older file."""
        return self.document.place(path)[0]

    @property
    def left_out(self) -> list[str]:
        """What has no equal and is not in the job, each with its place."""
        return [
            f"{self.file}:{self.line(each.path)} {each.message}; {each.hint}" for each in self.converted.unequal if each.part
        ]

    def lend_secrets(self) -> None:
        """Gives what stood in clear to this process's environment, where the job now asks for it."""
        for name, value in self.converted.secrets.items():
            os.environ.setdefault(secret_variable(name), value)


def is_old_form(file: Path) -> bool:
    """Whether a file is a job of the older form: it names a source, and no steps."""
    try:
        text = file.read_text("utf-8-sig")
        if _SOURCE.search(text) is None:
            return False  # to read YAML takes most of the time that a check does
        value = read_yaml(text).value
    except (OSError, UnicodeDecodeError, YamlProblem):
        return False
    return isinstance(value, dict) and "source" in value and "steps" not in value


def read_old_job(
    file: Path,
    *,
    keys: Sequence[str] = (),
    leave_out: bool = False,
    functions: Collection[str] | None = None,
    stores: StoresFile = NO_STORES_FILE,
) -> OldJob:
    """Reads an older job and turns it into steps. ``keys`` are the columns that tell rows apart, where the file does not say.

    With ``leave_out`` a part that has no equal is no finding, if the rest is a job without it: ``left_out`` has it.

    Raises:
        JobError: the file cannot be read.
    """
    try:
        document = read_yaml(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, YamlProblem) as problem:
        raise JobError(f"{file} cannot be read: {problem}") from problem
    reading = _Reading(file, document)
    old, sides = reading.form()
    if old is None:
        return OldJob(file, Converted(), tuple(sorted(reading.findings)), None, document)
    converted = convert(old, job_name(old, file), sides, keys, file.parent)
    for each in converted.unequal:
        if not (leave_out and each.part):
            reading.add(each.path, each.code, each.message, each.hint)
    if reading.findings:
        return OldJob(file, converted, tuple(sorted(reading.findings)), None, document)
    raw = json.dumps(converted.document).encode()  # YAML holds JSON
    job, found = parse_job(raw, str(file), STEP_TYPES, CONNECTION_TYPES, functions=functions, folder=file.parent, stores=stores)
    for finding in found:
        reading.add(converted.origin(finding.path), finding.code, finding.message, finding.hint)
    wrong = any(each.level == "error" for each in reading.findings)
    return OldJob(file, converted, tuple(sorted(set(reading.findings))), None if wrong else job, document)


def job_name(old: OldForm, file: Path) -> str:
    """The name of the job: its own, else its file's, of the characters that names are made of."""
    stem = file.parent.name if file.stem == "job" else file.stem
    text = re.sub(r"[^A-Za-z0-9_-]+", "_", old.job or old.name or stem).strip("_-")[:48]
    return text if re.match(r"[A-Za-z]", text) else f"job_{text}"[:48]


class _Reading:
    def __init__(self, file: Path, document: Document) -> None:
        self._file, self._document = file, document
        self.findings: list[Diagnostic] = []

    def add(self, path: Way, code: str, message: str, hint: str = "") -> None:
        """Notes a finding at a place of the older file."""
        line, column = self._document.place(path, key=code == "J002")
        self.findings.append(Diagnostic(str(self._file), line, column, code, message, hint, path))

    def form(self) -> tuple[OldForm | None, dict[str, Any]]:
        """The form, with its two sides; None where it is wrong."""
        for twice in self._document.problems:
            self.findings.append(Diagnostic(str(self._file), twice.line, twice.column, "J001", str(twice)))
        old = self._model(OldForm, self._document.value, ())
        sides = {} if old is None else {name: self._side(name, getattr(old, name)) for name in ("source", "destination")}
        return (None if self.findings else old), sides

    def _side(self, name: str, raw: dict[str, Any]) -> Any:
        kind = raw.get("type")
        if kind not in SIDES:
            said = f'the type "{kind}" is not known' if "type" in raw else 'the field "type" is missing'
            self.add(
                (name, *(("type",) if "type" in raw else ())),
                "J004" if kind else "J003",
                f"{name}: {said}",
                closest(str(kind), SIDES),
            )
            return None
        return self._model(SIDES[str(kind)], raw, (name,))

    def _model(self, model: Any, raw: Any, at: Way) -> Any:
        try:
            return model.model_validate(raw)
        except ValidationError as problem:
            for path, code, message, hint in _told(problem, model, at):
                self.add(path, code, message, hint)
        return None


def _told(problem: ValidationError, model: Any, at: Way) -> Iterator[tuple[Way, str, str, str]]:
    for error in problem.errors():
        loc = tuple(part for part in error["loc"] if part not in ("str", "int", "list[str]"))
        name, code = str(loc[-1]) if loc else "job", _CODES.get(error["type"], "J004")
        if code == "J002":
            yield (*at, *loc), code, f'unknown field "{name}"', closest(name, _fields(model, loc))
        elif code == "J003":
            yield (*at, *loc[:-1]), code, f'the field "{name}" is missing', ""
        else:
            yield (*at, *loc), code, f"{name}: {error['msg'][0].lower()}{error['msg'][1:]}", ""


def _fields(model: Any, loc: Sequence[Any]) -> list[str]:
    inner = {
        "transformations": ["column", "operation", "format"],
        "hooks": ["before_job", "after_job", "before_batch", "after_batch"],
    }
    return inner[loc[0]] if len(loc) > 1 and loc[0] in inner else list(model.model_fields)
