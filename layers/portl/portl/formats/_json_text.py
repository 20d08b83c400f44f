"""Records as JSON (RFC 8259) and as JSON Lines (https://jsonlines.org): UTF-8, the keys in the order of the columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from portl.values import to_json


def line_of(record: Any) -> str:
    """A record on one line. Dates, decimals and UUIDs are text in their exact form. Raises TemplateError, T106."""
    return json.dumps(to_json(record), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def jsonl_bytes(records: Iterable[Any]) -> Iterator[bytes]:
    """A line for each record."""
    for record in records:
        yield line_of(record).encode() + b"\n"


def json_bytes(records: Iterable[Any]) -> Iterator[bytes]:
    """One list, a record on each of its lines."""
    before = b"[\n"
    for record in records:
        yield before + line_of(record).encode()
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"
