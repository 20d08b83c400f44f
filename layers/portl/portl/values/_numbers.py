"""Numbers from values: exact, independent of the process's locale, ASCII digits only. Each raises ValueError or TypeError."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from portl.values._limits import MOST_DIGITS

MOST_PLACES = 100
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")
_ROUNDING = Context(prec=MOST_DIGITS + MOST_PLACES, rounding=ROUND_HALF_UP)


def to_decimal(value: Any, places: int | None = None) -> Decimal:
    """An exact number from a number or text; with ``places`` it is rounded to as many, halves away from zero."""
    number = _decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError("no number of a size that can be handled")
    return number if places is None else rounded(number, places)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError(f"a {type(value).__name__} is no number")
    if isinstance(value, int):
        return Decimal(value)
    text = value.strip() if isinstance(value, str) else repr(value)
    if len(text) > MOST_DIGITS or not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    return Decimal(text)


def to_int(value: Any) -> int:
    """A whole number; a fraction is refused, and so is text with a point or an exponent."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value.strip()):
        raise ValueError("no whole number")
    number = to_decimal(value)
    if number != number.to_integral_value():
        raise ValueError("no whole number")
    return int(number)


def to_float(value: Any) -> float:
    """A binary number of 64 bits; what is too large for one is refused."""
    number = float(to_decimal(value))
    if not math.isfinite(number):
        raise ValueError("too large for a float")
    return number


def rounded(value: Any, places: int = 0) -> Any:
    """A number of the same kind with so many decimal places: decimals halves away from zero, floats as Python does."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeError(f"a {type(value).__name__} is no number")
    if isinstance(places, bool) or not isinstance(places, int) or abs(places) > MOST_PLACES:
        raise ValueError(f"the decimal places are a whole number up to {MOST_PLACES}")
    if isinstance(value, Decimal):
        return value.quantize(Decimal((0, (1,), -places)), context=_ROUNDING)
    return round(value, places)


def parse_number(text: str, decimal: str, group: str) -> Decimal:
    """A number written with these marks. Groups are of three digits, all or none of them marked (``1.234567`` is refused)."""
    tail = rf"(?:{re.escape(decimal)}([0-9]+))?"
    body = rf"[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+|[0-9]+" if group else r"[0-9]+"
    found = re.fullmatch(rf"([+-]?)({body}){tail}", text.strip())
    if not found:
        raise ValueError("no number written with these marks")
    sign, whole, fraction = found.groups()
    return to_decimal(f"{sign}{whole.replace(group, '') if group else whole}.{fraction or ''}".rstrip("."))
