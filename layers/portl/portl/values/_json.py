from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from portl.errors import TemplateError
from portl.values._unknown import Uncertain, Unknown, known


def to_json(value: Any) -> Any:
    """The value in JSON's own types: decimals, dates and UUIDs become text in their exact form. An ``Unknown`` stays one.

    Raises:
        TemplateError: T106, NaN, infinity, bytes, half of a surrogate pair (RFC 8259, section 8.2), a key that is no text or an
            object that JSON does not know.
    """
    if value is None or isinstance(value, (str, bool, int, Unknown)):
        return _whole(value) if isinstance(value, str) else value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise TemplateError(f"{value} is no JSON number", code="T106", hint="leave it out or make it text")
    if isinstance(value, dict):
        return {_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return _exact(value)
    raise TemplateError(f"a {type(value).__name__} is no JSON", code="T106", hint="make it text, or name one of its fields")


def _key(key: Any) -> str:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return _whole(str(key))
    raise TemplateError(f"{key!r} is no JSON key", code="T106", hint="a key is text")


def _whole(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = "a text with half a character is no JSON"
            raise TemplateError(text, code="T106", hint="mend it where it is made") from None
    return text


def _exact(value: Decimal | UUID) -> str:
    if isinstance(value, Decimal) and not value.is_finite():
        raise TemplateError(f"{value} is no JSON number", code="T106", hint="leave it out or make it text")
    return str(value)


def from_json(text: str | bytes) -> Any:
    """What JSON text holds; of bytes in UTF-8, 16 or 32.

    Raises:
        ValueError: it is no JSON (RFC 8259 knows no NaN), or a number is too large for a float.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large a number")
    return number


def canonical_json(value: Any) -> str:
    """JSON that is the same for equal values: sorted keys, no spaces, no escapes beyond JSON's own."""
    return json.dumps(to_json(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=known)


def json_text(value: Any) -> str | Unknown:
    """``canonical_json``, unknown when something in the value is."""
    try:
        return canonical_json(value)
    except Uncertain:
        return Unknown(json.dumps(to_json(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str))


def as_text(value: Any) -> str:
    """How a value stands inside text: null is nothing, true and false as in JSON, lists and mappings as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = known(to_json(value))
    return plain if isinstance(plain, str) else canonical_json(plain)
