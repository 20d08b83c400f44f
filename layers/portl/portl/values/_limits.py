"""How large a value may grow inside an expression. What goes over is T104, raised before the memory is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

from portl.errors import TemplateError

MOST_CHARACTERS = 1_048_576
MOST_ITEMS = 100_000
MOST_BITS = 4_096
MOST_DIGITS = 1_000
"""Digits of a number that is read from text or from a decimal's exponent."""


def too_large(what: str, most: str) -> TemplateError:
    """T104 for a result that would be over a limit."""
    return TemplateError(f"{what} is too large", code="T104", hint=f"at most {most}")


def bound_text(length: int, what: str = "the text") -> None:
    """Refuses a text of so many characters."""
    if length > MOST_CHARACTERS:
        raise too_large(what, f"{MOST_CHARACTERS:,} characters")


def joined(parts: Iterable[str], what: str, between: str = "") -> str:
    """The parts in one text, counted as they come."""
    kept: list[str] = []
    length = 0
    for part in parts:
        length += len(part) + (len(between) if kept else 0)
        bound_text(length, what)
        kept.append(part)
    return between.join(kept)


def bound_items(count: int, what: str) -> None:
    """Refuses a list of so many items."""
    if count > MOST_ITEMS:
        raise too_large(what, f"{MOST_ITEMS:,} items")


def bound_operation(operator: str, left: Any, right: Any) -> None:
    """Refuses ``left operator right`` when its result could be over a limit; ``%`` of text would format it."""
    if operator == "%":
        if isinstance(left, (str, bytes)):
            raise TypeError("text cannot be formatted with %: use concat")
    elif operator == "+":
        _bound_length(left, _length(left) + _length(right), "the sum")
    elif operator == "*":
        _bound_product(left, right)
        _bound_product(right, left)
    elif isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MOST_BITS:
        raise too_large("the power", f"{MOST_BITS:,} bits")


def _bound_product(one: Any, times: Any) -> None:
    if not isinstance(times, int):
        return
    if isinstance(one, int) and one.bit_length() + times.bit_length() > MOST_BITS:
        raise too_large("the product", f"{MOST_BITS:,} bits")
    _bound_length(one, _length(one) * times, "the repetition")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, Sized) else 0


def _bound_length(value: Any, length: int, what: str) -> None:
    if isinstance(value, str):
        bound_text(length, what)
    elif isinstance(value, (list, tuple)):
        bound_items(length, what)
