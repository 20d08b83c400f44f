"""JSON as it travels between states, and how much of it may."""

from __future__ import annotations

import json
from typing import Any

from portl_cli.engine._failure import DATA_LIMIT, Failure

Json = Any
"""What ``json.loads`` answers: None, bool, int, float, str, list, dict."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode


def to_text(data: Json) -> str:
    """Compact JSON.

    Raises:
        ValueError: NaN or Infinity.
        TypeError: something that is no JSON.
    """
    return _encode(data)


def larger(text: str, most: float) -> bool:
    """Whether a text has more than ``most`` bytes of UTF-8."""
    return len(text) * 4 > most and len(text.encode()) > most


def deeper(data: Json, most: int) -> bool:
    """Whether lists and objects stand in each other more than ``most`` deep."""
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(most):
        parts = (part for one in level for part in (one.values() if isinstance(one, dict) else one))
        level = [part for part in parts if isinstance(part, (dict, list))]
        if not level:
            return False
    return bool(level)


def measured(data: Json, state: str, most: float) -> str:
    """Compact JSON of a state's input or output.

    Raises:
        Failure: States.DataLimitExceeded, over ``most`` bytes.
    """
    text = _encode(data)
    if larger(text, most):
        raise Failure(
            DATA_LIMIT,
            f"The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service limit.",
        )
    return text
