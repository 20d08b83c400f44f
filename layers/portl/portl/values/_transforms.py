"""The transforms of a mapping: ``lower`` or ``{parse_date: "%d.%m.%Y"}``; a null goes through unchanged unless said otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from portl.errors import TemplateError
from portl.values._helpers import md5, replace, sha256, to_decimal, to_float, to_int
from portl.values._json import as_text
from portl.values._templates import Compiled, Scope, compile_value
from portl.values._types import to_bool

Transform = Callable[[Any, Scope], Any]


def make_transform(raw: Any) -> tuple[Transform, Compiled | None]:
    """A transform and what it reads besides the value.

    Raises:
        TemplateError: T107, there is no such transform, or its argument is of the wrong form.
    """
    name, argument = _form(raw)
    if name in _PLAIN and argument is None:
        plain = _PLAIN[name]
        return (lambda value, _: None if value is None else plain(value)), None
    if name == "default_now":
        return (lambda value, scope: scope["now"] if value in (None, "") else value), None
    if name in ("concat", "coalesce") and isinstance(argument, list):
        return _joining(name, compile_value(argument))
    if name in _WITH:
        make, kinds = _WITH[name]
        if isinstance(argument, kinds):
            made = make(argument)
            return (lambda value, _: made(value)), None
    text = f"{raw!r} is no transform" if name not in (*_PLAIN, *_WITH) else f"{name} has the wrong argument: {argument!r}"
    raise TemplateError(text, code="T107", hint=f"transforms: {', '.join(sorted(TRANSFORMS))}")


def _form(raw: Any) -> tuple[str, Any]:
    if isinstance(raw, str):
        return raw, None
    if isinstance(raw, dict) and len(raw) == 1:
        return next(iter(raw.items()))
    return "", None


def _joining(name: str, others: Compiled) -> tuple[Transform, Compiled]:
    def joined(value: Any, scope: Scope) -> Any:
        values = [value, *others.render(scope)]
        if name == "concat":
            return "".join(as_text(each) for each in values)
        return next((each for each in values if each not in (None, "")), None)

    return joined, others


def _parse_date(form: str) -> Callable[[Any], Any]:
    timed = any(mark in form for mark in ("%H", "%I", "%M", "%S", "%X", "%c"))

    def parse(value: Any) -> Any:
        if value in (None, ""):
            return None
        moment = datetime.strptime(str(value).strip(), form)  # noqa: DTZ007 - an offset in the form is kept
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment if timed else moment.date()

    return parse


def _parse_number(marks: dict[str, str]) -> Callable[[Any], Any]:
    decimal, group = marks.get("decimal", "."), marks.get("group", "")
    whole = rf"[+-]?\d+(?:{re.escape(group)}\d{{3}})*" if group else r"[+-]?\d+"
    form = re.compile(rf"{whole}(?:{re.escape(decimal)}\d+)?", re.ASCII)

    def parse(value: Any) -> Any:
        if value in (None, ""):
            return None
        text = str(value).strip()
        if not form.fullmatch(text):
            raise ValueError(value)
        return to_decimal((text.replace(group, "") if group else text).replace(decimal, "."))

    return parse


def _replace(pair: list[str]) -> Callable[[Any], Any]:
    old, new = pair
    return lambda value: None if value is None else replace(value, old, new)


def _substring(bounds: list[int]) -> Callable[[Any], Any]:
    start, length = bounds
    return lambda value: None if value is None else as_text(value)[start : start + length]


def _lookup(table: dict[str, Any]) -> Callable[[Any], Any]:
    known = {as_text(key): item for key, item in table["map"].items()}

    def find(value: Any) -> Any:
        key = as_text(value)
        if key in known:
            return known[key]
        if "default" in table:
            return table["default"]
        raise ValueError(f"{key!r} is not in the lookup")

    return find


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "lower": lambda value: as_text(value).lower(),
    "upper": lambda value: as_text(value).upper(),
    "trim": lambda value: as_text(value).strip(),
    "decimal": to_decimal,
    "hash_md5": md5,
    "hash_sha256": sha256,
    "to_int": to_int,
    "to_float": to_float,
    "to_bool": to_bool,
    "parse_date": lambda value: datetime.fromisoformat(value).date(),
    "parse_number": _parse_number({}),
}
_WITH: dict[str, tuple[Callable[[Any], Callable[[Any], Any]], type]] = {
    "parse_date": (_parse_date, str),
    "parse_number": (_parse_number, dict),
    "replace": (_replace, list),
    "substring": (_substring, list),
    "lookup": (_lookup, dict),
}
TRANSFORMS = frozenset({*_PLAIN, *_WITH, "default_now", "concat", "coalesce"})
"""The names of all transforms."""
