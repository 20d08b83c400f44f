"""The functions and filters of expressions. There are no others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from jinja2 import Undefined
from jinja2.filters import FILTERS

from portl.errors import TemplateError
from portl.values._json import as_text, canonical_json

MOST_ITEMS = 100_000
MOST_CHARACTERS = 1_048_576

FROM_JINJA = ("abs", "default", "d", "first", "join", "last", "length", "count", "max", "min", "round", "sort", "sum", "trim", "unique")
"""Jinja's own filters that are kept: none of them reaches into an object or grows its input."""


def md5(value: Any) -> str:
    """The MD5 of text (UTF-8), in hexadecimal; of anything else its canonical JSON."""
    return hashlib.md5(_bytes(value), usedforsecurity=False).hexdigest()


def sha256(value: Any) -> str:
    """The SHA-256 of text (UTF-8), in hexadecimal; of anything else its canonical JSON."""
    return hashlib.sha256(_bytes(value)).hexdigest()


def _bytes(value: Any) -> bytes:
    return (value if isinstance(value, str) else canonical_json(value)).encode()


def json_path(value: Any, path: str) -> list[Any]:
    """The values that a JSONPath (RFC 9535) finds in a value, or in JSON text."""
    import jsonpath_rfc9535

    return list(jsonpath_rfc9535.find(path, json.loads(value) if isinstance(value, str) else value).values())


def coalesce(*values: Any) -> Any:
    """The first value that is there and not null; null when there is none."""
    return next((value for value in values if value is not None and not isinstance(value, Undefined)), None)


def bounded_range(*bounds: int) -> list[int]:
    """Whole numbers as Python's range gives them, at most 100,000."""
    numbers = range(*bounds)
    if len(numbers) > MOST_ITEMS:
        raise TemplateError(f"range gives {len(numbers):,} numbers", code="T104", hint=f"at most {MOST_ITEMS:,}")
    return list(numbers)


def to_int(value: Any) -> int:
    """A whole number from a number or ASCII digits; a fraction is refused."""
    if isinstance(value, bool) or value is None:
        raise ValueError(value)
    number = to_decimal(value)
    if number != number.to_integral_value() or (isinstance(value, str) and set(value.strip()) - set("+-0123456789")):
        raise ValueError(value)
    return int(number)


def to_float(value: Any) -> float:
    """A number from a number or ASCII digits; NaN and infinity are refused."""
    return float(to_decimal(value))


def to_decimal(value: Any) -> Decimal:
    """An exact number from a number or ASCII digits."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise TypeError(value)
    text = str(value).strip()
    if not text.isascii() or "_" in text:
        raise ValueError(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(value) from None
    if not number.is_finite():
        raise ValueError(value)
    return number


def to_date(value: Any, form: str | None = None) -> date:
    """A date from ISO 8601 text, from a form of ``strptime``, or of a point in time."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return datetime.strptime(value, form).replace(tzinfo=UTC).date() if form else datetime.fromisoformat(value).date()


def concat(*values: Any) -> str:
    """The values as text, one behind the other."""
    return "".join(as_text(value) for value in values)


def replace(text: Any, old: str, new: str) -> str:
    """Text with every ``old`` replaced; a result over 1 MiB is refused."""
    source = as_text(text)
    if len(source) + (source.count(old) * max(0, len(new) - len(old))) > MOST_CHARACTERS:
        raise TemplateError("replace grows the text beyond 1 MiB", code="T104")
    return source.replace(old, new)


def lower(value: Any) -> str:
    """Text in lower case."""
    return as_text(value).lower()


def upper(value: Any) -> str:
    """Text in upper case."""
    return as_text(value).upper()


HELPERS: dict[str, Callable[..., Any]] = {
    "md5": md5,
    "sha256": sha256,
    "tojson": canonical_json,
    "json_path": json_path,
    "coalesce": coalesce,
    "range": bounded_range,
    "int": to_int,
    "float": to_float,
    "decimal": to_decimal,
    "date": to_date,
    "lower": lower,
    "upper": upper,
    "concat": concat,
    "replace": replace,
}
"""By name, as functions and as filters."""

FILTERS_KEPT: dict[str, Callable[..., Any]] = {name: FILTERS[name] for name in FROM_JINJA} | HELPERS
