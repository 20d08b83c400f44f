"""JSON as it travels between states, and how much of it may."""

from __future__ import annotations

import json
from typing import Any

from portl_cli.engine._failure import DATA_LIMIT, Failure

Json = Any
"""What ``json.loads`` answers: None, bool, int, float, str, list, dict."""

STATE_BYTES = 256 * 1024
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: input or output of a state, bytes of UTF-8."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode


def to_text(data: Json) -> str:
    """Compact JSON.

    Raises:
        ValueError: NaN or Infinity.
        TypeError: something that is no JSON.
    """
    return _encode(data)


def measured(data: Json, state: str) -> str:
    """Compact JSON of a state's input or output.

    Raises:
        Failure: States.DataLimitExceeded, over 256 KiB.
    """
    text = _encode(data)
    if len(text) * 4 > STATE_BYTES and len(text.encode()) > STATE_BYTES:
        raise Failure(
            DATA_LIMIT,
            f"The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service limit.",
        )
    return text
