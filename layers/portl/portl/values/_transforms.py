"""The transforms of a mapping: ``lower`` or ``{parse_date: "%d.%m.%Y"}``.

A null goes through unchanged, but ``concat`` takes it for nothing, and ``coalesce`` and ``default_now`` replace it (and empty
text, which is how a CSV says null). The parsing transforms make null of empty text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from portl.errors import TemplateError
from portl.values._dates import check_form, has_time, parse_moment, to_date, to_datetime
from portl.values._expression import Scope
from portl.values._helpers import concat, lower, md5, replace, sha256, trim, upper
from portl.values._json import as_text
from portl.values._numbers import parse_number, to_decimal, to_float, to_int
from portl.values._templates import Compiled, compile_value
from portl.values._types import to_bool
from portl.values._unknown import Unknown

Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Transform:
    """One change of a value. ``reads`` is what it reads of the scope besides; ``apply`` raises as the change does."""

    name: str
    apply: Callable[[Any, Scope], Any]
    reads: Compiled | None = None


def make_transform(raw: Any) -> Transform:
    """A transform from how the job writes it.

    Raises:
        TemplateError: T107, there is no such transform, or its argument is of the wrong form.
    """
    name, argument = _form(raw)
    if name in _SCOPED:
        return _SCOPED[name](name, argument)
    if name in _PLAIN and argument is None:
        return _on_value(name, _PLAIN[name])
    if name not in _WITH:
        if name in _PLAIN:
            raise TemplateError(f"{name} takes no argument", code="T107", hint=f"write {name}")
        near = difflib.get_close_matches(name, sorted(TRANSFORMS), n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"transforms: {', '.join(sorted(TRANSFORMS))}"
        raise TemplateError(f"{raw!r} is no transform", code="T107", hint=hint)
    form, make = _WITH[name]
    try:
        return _on_value(name, make(argument))
    except (ValueError, TypeError, KeyError) as problem:
        raise _wrong(name, argument, form) from problem


def _form(raw: Any) -> tuple[str, Any]:
    if isinstance(raw, str):
        return raw, None
    if isinstance(raw, dict) and len(raw) == 1:
        return next(iter(raw.items()))
    return "", None


def _wrong(name: str, argument: Any, form: str) -> TemplateError:
    return TemplateError(f"{name} has the wrong argument: {argument!r}", code="T107", hint=f"as in {form}")


def _on_value(name: str, change: Change) -> Transform:
    return Transform(name, lambda value, _: None if value is None else change(value))


def _joining(name: str, argument: Any) -> Transform:
    if not isinstance(argument, list):
        raise _wrong(name, argument, f'{{{name}: ["{{{{ row.other }}}}", "text"]}}')
    others = compile_value(argument)

    def join(value: Any, scope: Scope) -> Any:
        values = [value, *others.render(scope)]
        if name == "concat":
            return concat(*values)
        return next((each for each in values if each is not None and each != ""), None)

    return Transform(name, join, others)


def _default_now(name: str, argument: Any) -> Transform:
    if argument is not None:
        raise _wrong(name, argument, name)
    return Transform(name, lambda value, scope: _moment(scope["now"]) if value is None or value == "" else value)


def _moment(now: Any) -> Any:
    return now if isinstance(now, Unknown) else to_datetime(now)


def _parse_date(form: Any) -> Change:
    check_form(form)

    def parse(value: Any) -> Any:
        if isinstance(value, date):
            return value
        moment = parse_moment(value, form)
        return moment if has_time(form) else moment.date()

    return _unless_empty(parse)


def _parse_number(marks: Any) -> Change:
    if not isinstance(marks, dict):
        raise TypeError(marks)
    decimal, group = marks.get("decimal", "."), marks.get("group", "")
    if set(marks) - {"decimal", "group"} or not _is_mark(decimal) or not (group == "" or _is_mark(group)) or decimal == group:
        raise ValueError(marks)

    def parse(value: Any) -> Any:
        return parse_number(value, decimal, group) if isinstance(value, str) else to_decimal(value)

    return _unless_empty(parse)


def _is_mark(mark: Any) -> bool:
    return isinstance(mark, str) and len(mark) == 1 and not mark.isalnum() and mark not in "+-"


def _unless_empty(change: Change) -> Change:
    return lambda value: None if isinstance(value, str) and not value.strip() else change(value)


def _decimal(places: Any) -> Change:
    to_decimal(0, places)
    return _unless_empty(lambda value: to_decimal(value, places))


def _replace(pair: Any) -> Change:
    old, new = _typed(pair, str)
    if not old:
        raise ValueError(pair)
    return lambda value: replace(value, old, new)


def _substring(bounds: Any) -> Change:
    start, *more = _typed(bounds, int)
    if start < 0 or len(more) > 1 or any(length < 0 for length in more):
        raise ValueError(bounds)
    stop = start + more[0] if more else None
    return lambda value: as_text(value)[start:stop]


def _typed(values: Any, kind: type) -> list[Any]:
    if not isinstance(values, list) or any(not isinstance(each, kind) or isinstance(each, bool) for each in values):
        raise TypeError(values)
    return values


def _lookup(table: Any) -> Change:
    if set(table) - {"map", "default"} or not isinstance(table["map"], Mapping):
        raise ValueError(table)
    known = {as_text(key): item for key, item in table["map"].items()}

    def find(value: Any) -> Any:
        key = as_text(value)
        if key in known or "default" in table:
            return known.get(key, table.get("default"))
        raise ValueError(f"the lookup knows {', '.join(list(known)[:10])}")

    return find


_PLAIN: dict[str, Change] = {
    "lower": lower,
    "upper": upper,
    "trim": trim,
    "decimal": _unless_empty(to_decimal),
    "hash_md5": md5,
    "hash_sha256": sha256,
    "to_int": _unless_empty(to_int),
    "to_float": _unless_empty(to_float),
    "to_bool": _unless_empty(to_bool),
    "parse_date": _unless_empty(to_date),
    "parse_number": _parse_number({}),
}
_WITH: dict[str, tuple[str, Callable[[Any], Change]]] = {
    "decimal": ("{decimal: 2}", _decimal),
    "parse_date": ('{parse_date: "%d.%m.%Y"}', _parse_date),
    "parse_number": ('{parse_number: {decimal: ",", group: "."}}', _parse_number),
    "replace": ('{replace: ["old", "new"]}', _replace),
    "substring": ("{substring: [0, 10]}, start and length", _substring),
    "lookup": ("{lookup: {map: {A: active}, default: null}}", _lookup),
}
_SCOPED: dict[str, Callable[[str, Any], Transform]] = {
    "concat": _joining,
    "coalesce": _joining,
    "default_now": _default_now,
}
TRANSFORMS = frozenset({*_PLAIN, *_WITH, *_SCOPED})
"""The names of all transforms."""
