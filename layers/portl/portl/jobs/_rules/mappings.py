from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from portl.errors import TemplateError
from portl.jobs._diagnostics import closest, none_of
from portl.jobs._rules._check import Check
from portl.jobs._yaml import Path
from portl.values import FieldSpec, compile_mapping
from portl.values._mapping import FIELDS, is_long_form

_MAPPED = ("mapping", "set", "where", "columns")
_NOT_OF_AN_EXPRESSION = "T107"


def mappings_can_be_compiled(check: Check) -> None:
    """J002, J004: the long form of a mapped column has known fields, and transforms that exist with arguments that fit."""
    for placed in check.steps:
        for name in _MAPPED:
            columns = getattr(placed.step, name, None)
            for column, value in columns.items() if isinstance(columns, dict) else ():
                if is_long_form(value):
                    _long_form(check, (*placed.path, name, column), value)


def _long_form(check: Check, path: Path, value: dict[str, Any]) -> None:
    try:
        spec = FieldSpec.model_validate(value)
    except ValidationError as problem:
        for error in problem.errors():
            where = (*path, *error["loc"])
            if error["type"] == "extra_forbidden":
                name = str(error["loc"][-1])
                check.add(where, "J002", f'unknown field "{name}"', closest(name, FIELDS), key=True)
            elif error["type"] == "literal_error":
                check.add(where, "J004", *none_of(str(error["loc"][0]), error["input"], error["ctx"]["expected"]))
            else:
                check.add(where, "J004", f"{error['loc'][0]}: {error['msg'][0].lower()}{error['msg'][1:]}")
        return
    for at, transform in enumerate(spec.transforms):
        try:
            compile_mapping({str(path[-1]): {"from": None, "transforms": [transform]}})
        except TemplateError as problem:
            if problem.code == _NOT_OF_AN_EXPRESSION:
                check.add((*path, "transforms", at), "J004", problem.message, problem.hint)
