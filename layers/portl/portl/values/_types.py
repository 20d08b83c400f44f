"""What a mapped value can be made: the types of columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from portl.values._helpers import to_date, to_decimal, to_float, to_int
from portl.values._json import as_text, to_json

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def to_bool(value: Any) -> bool:
    """true/false, yes/no, on/off or 1/0 in any case."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(value)


def to_datetime(value: Any) -> datetime:
    """A point in time from ISO 8601; without an offset it is UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_tree(value: Any) -> Any:
    """A JSON value: text is parsed, anything else is taken as it is."""
    if isinstance(value, str):
        return json.loads(value, parse_constant=_refuse)
    return to_json(value)


def _refuse(word: str) -> Any:
    raise ValueError(word)


TYPES: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "int": to_int,
    "float": to_float,
    "decimal": to_decimal,
    "bool": to_bool,
    "date": to_date,
    "datetime": to_datetime,
    "json": to_tree,
    "uuid": lambda value: value if isinstance(value, UUID) else UUID(value.strip()),
}
"""By the name a mapping uses. Each raises ValueError or TypeError when the value does not fit."""
