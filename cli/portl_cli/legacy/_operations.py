"""The operations of the older form, as transforms of a mapping."""

from __future__ import annotations

import re
from typing import Any

_PLAIN = {
    "lower": "lower", "lowercase": "lower", "to_lower": "lower",
    "upper": "upper", "uppercase": "upper", "to_upper": "upper",
    "trim": "trim", "strip": "trim",
    "decimal": "decimal", "to_decimal": "decimal",
    "int": "to_int", "integer": "to_int", "to_int": "to_int",
    "float": "to_float", "to_float": "to_float",
    "bool": "to_bool", "boolean": "to_bool", "to_bool": "to_bool",
    "md5": "hash_md5", "hash_md5": "hash_md5",
    "sha256": "hash_sha256", "hash": "hash_sha256", "hash_sha256": "hash_sha256",
    "now": "default_now", "default_now": "default_now", "current_timestamp": "default_now",
}  # fmt: skip
_DATES = frozenset({"date", "to_date", "parse_date", "date_format", "format_date", "datetime"})
_NUMBERS = frozenset({"number", "to_number", "parse_number"})
_LETTERS = re.compile(r"YYYY|YY|MM|DD|HH|mm|ss|SS")
_DIRECTIVES = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SS": "%S"}
_NUMBER = re.compile(r"#*(?P<group>[.,' ]?)#*0?(?P<decimal>[.,])[0#]+|(?P<only>[.,])")


def as_transform(operation: str, form: str | None) -> Any:
    """The transform that does what an operation did, or None where there is none of its kind."""
    name = operation.strip().lower().replace("-", "_").replace(" ", "_")
    if name in _DATES:
        return {"parse_date": _date_form(form)} if form else None
    if name in _NUMBERS:
        return _number(form)
    return _PLAIN.get(name) if form is None else None


def _date_form(form: str) -> str:
    """``DD.MM.YYYY`` as ``%d.%m.%Y``; what has directives already stays as it is."""
    return form if "%" in form else _LETTERS.sub(lambda found: _DIRECTIVES[found[0]], form)


def _number(form: str | None) -> Any:
    """A number's marks by an example (``#.##0,00``), or its decimal mark alone."""
    if form is None:
        return {"parse_number": {"decimal": ".", "group": ","}}
    found = _NUMBER.fullmatch(form)
    if found is None:
        return None
    decimal = found["decimal"] or found["only"]
    group = found["group"] or ("," if decimal == "." else ".")
    return {"parse_number": {"decimal": decimal, "group": group}}
