"""The functions that Step Functions adds to JSONata.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from portl_cli.engine._data import Json

_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MOST_RANGE = 1_000


def partition(items: Json = None, size: Json = None) -> Json:
    """``$partition([1..5], 2)`` is ``[[1,2],[3,4],[5]]``."""
    if items is None or size is None:
        return None
    if not isinstance(items, list) or not isinstance(size, int) or size < 1:
        raise ValueError("$partition takes an array and a whole number above 0")
    return [list(items[at : at + size]) for at in range(0, len(items), size)]


def range_(start: Json = None, end: Json = None, step: Json = None) -> Json:
    """``$range(1, 9, 2)`` is ``[1,3,5,7,9]``: the end is part of it."""
    if None in (start, end, step):
        return None
    if not all(isinstance(one, int) for one in (start, end, step)) or step == 0:
        raise ValueError("$range takes three whole numbers, the step not 0")
    numbers = list(range(start, end + (1 if step > 0 else -1), step))
    if len(numbers) > _MOST_RANGE:
        raise ValueError(f"$range gives at most {_MOST_RANGE} numbers")
    return numbers


def hash_(text: Json = None, algorithm: Json = None) -> Json:
    """``$hash("x", "SHA-256")``, in hex."""
    if text is None:
        return None
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"$hash takes one of {', '.join(_ALGORITHMS)}")
    return hashlib.new(_ALGORITHMS[algorithm], str(text).encode(), usedforsecurity=False).hexdigest()


def random_(seed: Json = None) -> float:
    """``$random(seed)``: 0 <= n < 1. The same seed gives the same number, though not the one AWS would give."""
    return random.Random(seed).random()  # noqa: S311 - the language's own random numbers are none for secrets


def parse(text: Json = None) -> Json:
    """``$parse('{"a":1}')`` is ``{"a":1}``."""
    if text is None:
        return None
    return json.loads(text)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "partition": partition,
    "range": range_,
    "hash": hash_,
    "random": random_,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": parse,
}
