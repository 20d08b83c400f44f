from __future__ import annotations

from datetime import date
from typing import Any

from portl.jobs._models import Param
from portl.jobs._rules._check import Check

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "object": (dict,),
}


def params_agree_with_themselves(check: Check) -> None:
    """J008: a default is of the parameter's type, and does not stand beside ``required``."""
    for name, param in check.job.params.items():
        path = ("params", name, "default")
        if param.default is None:
            continue
        if param.required:
            text = f'"{name}" is required, so its default is never used'
            check.add(path, "J008", text, "leave either default or required out")
        elif not _fits(param, param.default):
            shown = f"{param.default!r} is no {param.type}"
            check.add(path, "J008", f'the default of "{name}" does not fit: {shown}', _hint(param))


def _fits(param: Param, value: Any) -> bool:
    if param.type == "date":
        return isinstance(value, str) and _is_date(value)
    if isinstance(value, bool):
        return param.type == "bool"
    return isinstance(value, _KINDS[param.type])


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _hint(param: Param) -> str:
    return "a date is written 2026-01-31" if param.type == "date" else f"write a {param.type}, or another type"
