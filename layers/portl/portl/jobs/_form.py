"""What pydantic finds wrong in the form of a job, as diagnostics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from portl.jobs._diagnostics import Diagnostic, closest, none_of
from portl.jobs._models import Job, StepSpec
from portl.jobs._triggers import TRIGGER_TYPES, TriggerSpec
from portl.jobs._yaml import Document, Path, value_at

_KINDS = {
    "extra_forbidden": "J002",
    "missing": "J003",
    "missing_type": "J003",
    "step_type": "J005",
    "trigger_untyped": "J003",
    "trigger_type": "J005",
    "string_pattern_mismatch": "J007",
}

_OWN = frozenset({"step", "missing_type", "step_type", "trigger", "trigger_untyped", "trigger_type", "version"})
"""Errors that the models raise themselves, in words that need no field's name."""

_WORDS = {
    "dict_type": "should be a mapping",
    "list_type": "should be a list",
    "model_type": "should be a mapping",
    "string_type": "should be text",
}
"""What pydantic says in Python's words."""


def form_finding(file: str, document: Document, error: Any, step_types: Mapping[str, type[StepSpec]]) -> Diagnostic:
    """The diagnostic for one error of pydantic's."""
    context = error.get("ctx") or {}
    path = _known_path(document, error["loc"])
    if "at" in context:
        path = (*path, context["at"])
    code = _KINDS.get(error["type"], "J004")
    line, column = document.place(path, key=code == "J002" or path not in document.values)
    message, hint = _wording(error, code, path, _fields_at(document, path[:-1], step_types))
    return Diagnostic(file, line, column, code, message, hint or str(context.get("hint", "")), path)


def not_misspelt(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings without the missing fields (J003) that stand there under a name like theirs (J002), in order."""
    found = sorted(set(findings))
    meant = {(each.path[:-1], each.hint) for each in found if each.code == "J002"}
    return [each for each in found if each.code != "J003" or not _is_meant(each, meant)]


def _is_meant(missing: Diagnostic, meant: set[tuple[Path, str]]) -> bool:
    quoted = re.search(r'"(.*)"', missing.message)
    hint = f'did you mean "{quoted[1]}"?' if quoted else ""
    return any((owner, hint) in meant for owner in (missing.path, missing.path[:-1]))


def _known_path(document: Document, loc: Path) -> Path:
    """``loc`` without the marks pydantic adds for unions, and with the field that is missing at its end."""
    path: Path = ()
    for at, part in enumerate(loc):
        if (*path, part) in document.values or (at == len(loc) - 1 and part != "[key]"):
            path = (*path, part)
    return path


def _wording(error: Any, code: str, path: Path, fields: list[str]) -> tuple[str, str]:
    name = path[-1] if path else "job"
    if code == "J002":
        return f'unknown field "{name}"', closest(str(name), fields)
    if error["type"] == "missing":
        return f'the field "{name}" is missing', ""
    if error["type"] in _OWN:
        return str(error["msg"]), ""
    if error["type"] == "literal_error" and "'" in error["ctx"]["expected"]:
        return none_of(str(name), error["input"], error["ctx"]["expected"])
    text = _WORDS.get(error["type"], str(error["msg"]))
    if code == "J007":
        return f"{error['input']!r} is no name: letters, digits and _ after a letter, at most 40", ""
    given = error.get("input")
    shown = f", not {given!r}" if isinstance(given, (str, int, float, bool, type(None))) and code == "J004" else ""
    return f"{name}: {text[0].lower()}{text[1:]}{shown}", ""


def _fields_at(document: Document, path: Path, step_types: Mapping[str, type[StepSpec]]) -> list[str]:
    """The fields a mapping at ``path`` may have, for did-you-mean."""
    model: Any = Job
    for end, part in enumerate(path, 1):
        value = value_at(document.value, path[:end])
        if isinstance(part, int) and isinstance(value, dict):
            kind = str(value.get("type"))
            model = TRIGGER_TYPES.get(kind, TriggerSpec) if path[0] == "triggers" else step_types.get(kind, StepSpec)
        elif isinstance(part, str) and model is not None:
            model = _field_model(model, part)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _field_model(model: Any, name: str) -> Any:
    """The model of a field, also behind ``dict[name, model]``."""
    for key, field in model.model_fields.items():
        if (field.alias or key) == name:
            options = getattr(field.annotation, "__args__", (field.annotation,))
            return next((item for item in options if isinstance(item, type) and issubclass(item, BaseModel)), model)
    return model if model is not Job and "type" in model.model_fields else None
