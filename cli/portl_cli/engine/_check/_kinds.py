"""What a field may hold. Each kind answers None for what is right, else what was expected."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from portl_cli.engine._value import expression_in

if TYPE_CHECKING:
    from portl_cli.engine._data import Json

Kind = Callable[[Any], str | None]


def is_query(value: Json) -> bool:
    return isinstance(value, str) and expression_in(value) is not None


def anything(value: Json) -> str | None:  # noqa: ARG001 - the shape of a Kind
    return None


def text(value: Json) -> str | None:
    return None if isinstance(value, str) and value else "a text"


def plain(value: Json) -> str | None:
    return None if isinstance(value, str) else "a text"


def an_object(value: Json) -> str | None:
    return None if isinstance(value, dict) else "an object"


def filled_object(value: Json) -> str | None:
    return None if isinstance(value, dict) and value else "an object that is not empty"


def object_or_query(value: Json) -> str | None:
    return None if isinstance(value, dict) or is_query(value) else "an object or a {% expression %}"


def array_or_query(value: Json) -> str | None:
    return None if isinstance(value, list) or is_query(value) else "an array or a {% expression %}"


def objects(value: Json) -> str | None:
    fine = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    return None if fine else "a list of objects that is not empty"


def texts(value: Json) -> str | None:
    fine = isinstance(value, list) and value and all(isinstance(one, str) and one for one in value)
    return None if fine else "a list of texts that is not empty"


def true(value: Json) -> str | None:
    return None if value is True else "true"


def query(value: Json) -> str | None:
    return None if is_query(value) or isinstance(value, bool) else "a {% condition %}"


def one_of(*allowed: str) -> Kind:
    """Exactly one of these texts."""
    return lambda value: None if value in _hashable(allowed, value) else " or ".join(allowed)


def _hashable(allowed: Collection[str], value: Json) -> Collection[str]:
    return allowed if isinstance(value, str) else ()


def whole(least: int, most: int) -> Kind:
    """A whole number in this range."""
    return lambda value: None if _whole(value) and least <= value <= most else f"a whole number from {least} to {most}"


def whole_or_query(least: int, most: int) -> Kind:
    """A whole number in this range, or an expression that gives one."""
    number = whole(least, most)
    return lambda value: None if is_query(value) or number(value) is None else f"{number(None)}, or a {{% expression %}}"


def at_least(least: float) -> Kind:
    """A number from ``least``."""
    return lambda value: None if (_whole(value) or isinstance(value, float)) and value >= least else f"a number from {least}"


def _whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
