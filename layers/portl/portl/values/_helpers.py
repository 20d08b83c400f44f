"""The helpers of expressions, each a filter and a function. There are no others.

A helper never gets a missing value, except ``default`` and ``coalesce``. Whatever it raises becomes T105.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from jinja2 import Environment, Undefined, pass_environment
from jinja2.filters import FILTERS, do_unique

from portl.values._dates import date_helper
from portl.values._json import as_text, canonical_json, from_json, to_json
from portl.values._limits import MOST_ITEMS, bound_items, bound_text, joined, too_large
from portl.values._numbers import rounded, to_decimal, to_float, to_int
from portl.values._unknown import known

FROM_JINJA = ("abs", "count", "d", "default", "first", "last", "length", "max", "min", "sort", "sum")
"""Jinja's own filters that are kept: none of them reaches into an object or grows its input."""
LENIENT = frozenset({"coalesce", "d", "default"})
"""Helpers that take missing references."""
MAYBE = frozenset({"d", "default", "first", "last", "max", "min"})
"""Helpers whose result may be missing: a fallback that is not there either, an empty list."""


def md5(value: Any) -> str:
    """The MD5 of text (UTF-8), in hexadecimal; of anything else its canonical JSON."""
    return hashlib.md5(_bytes(value), usedforsecurity=False).hexdigest()


def sha256(value: Any) -> str:
    """The SHA-256 of text (UTF-8), in hexadecimal; of anything else its canonical JSON."""
    return hashlib.sha256(_bytes(value)).hexdigest()


def _bytes(value: Any) -> bytes:
    return (value if isinstance(value, str) else canonical_json(value)).encode()


def json_path(value: Any, path: str) -> list[Any]:
    """The values that a JSONPath (RFC 9535) finds in a value, or in JSON text; at most 100,000."""
    tree = from_json(value) if isinstance(value, str) else to_json(value)
    found = [node.value for node in itertools.islice(_query(path).finditer(tree), MOST_ITEMS + 1)]
    bound_items(len(found), "what json_path finds")
    return found


@lru_cache(maxsize=256)
def _query(path: str) -> Any:
    import jsonpath_rfc9535

    return jsonpath_rfc9535.compile(path)


def coalesce(*values: Any) -> Any:
    """The first value that is there and not null; null when there is none."""
    return next((known(value) for value in values if value is not None and not isinstance(value, Undefined)), None)


def bounded_range(bound: int, *more: int) -> list[int]:
    """Whole numbers as Python's range gives them, at most 100,000."""
    numbers = range(bound, *more)
    if numbers[MOST_ITEMS:]:
        raise too_large("the range", f"{MOST_ITEMS:,} items")
    return list(numbers)


def concat(*values: Any) -> str:
    """The values as text, one behind the other; null is nothing."""
    return joined(map(as_text, values), "what concat gives")


def join(values: Iterable[Any], between: str = "") -> str:
    """The values of a list as text, with ``between`` between them; null is nothing."""
    return joined(map(as_text, values), "what join gives", as_text(between))


def replace(text: Any, old: str, new: str) -> str:
    """Text with every ``old`` replaced."""
    source = as_text(text)
    if len(new) > len(old):
        bound_text(len(source) + source.count(old) * (len(new) - len(old)), "what replace gives")
    return source.replace(old, new)


def lower(value: Any) -> str:
    """Text in lower case."""
    return as_text(value).lower()


def upper(value: Any) -> str:
    """Text in upper case."""
    return as_text(value).upper()


def trim(value: Any, characters: str | None = None) -> str:
    """Text without white space, or without ``characters``, at both ends."""
    return as_text(value).strip(characters)


@pass_environment
def unique(environment: Environment, values: Iterable[Any]) -> list[Any]:
    """The values of a list, each once; text that differs in case only is the same."""
    return list(do_unique(environment, values))


HELPERS: dict[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in FROM_JINJA},
    "coalesce": coalesce,
    "concat": concat,
    "date": date_helper,
    "decimal": to_decimal,
    "float": to_float,
    "int": to_int,
    "join": join,
    "json_path": json_path,
    "lower": lower,
    "md5": md5,
    "range": bounded_range,
    "replace": replace,
    "round": rounded,
    "sha256": sha256,
    "tojson": canonical_json,
    "trim": trim,
    "unique": unique,
    "upper": upper,
}
