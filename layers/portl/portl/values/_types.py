"""What a mapped value can be made: the types of columns. Each function raises ValueError or TypeError when it does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from portl.values._dates import to_date, to_datetime
from portl.values._json import as_text, from_json, to_json
from portl.values._numbers import to_decimal, to_float, to_int

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)([0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}")


def to_bool(value: Any) -> bool:
    """true/false, yes/no, on/off or 1/0 in any case."""
    if isinstance(value, (float, Decimal)) or not isinstance(value, (str, int)):
        raise TypeError(f"a {type(value).__name__} is neither true nor false")
    text = as_text(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("neither true nor false")


def to_tree(value: Any) -> Any:
    """A JSON value: text is parsed, anything else is taken as it is."""
    return from_json(value) if isinstance(value, str) else to_json(value)


def to_uuid(value: Any) -> UUID:
    """A UUID from its 32 hexadecimal digits, with or without hyphens."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value.strip()):
        raise ValueError("no UUID")
    return UUID(value.strip())


TYPES: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "int": to_int,
    "float": to_float,
    "decimal": to_decimal,
    "bool": to_bool,
    "date": to_date,
    "datetime": to_datetime,
    "json": to_tree,
    "uuid": to_uuid,
}
"""By the name a mapping uses."""
