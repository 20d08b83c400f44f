"""Records as the text that ``COPY … FROM STDIN`` reads.

https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

BLOCK_BYTES = 64 * 1024
"""About how much goes into one message: a message a record would cost more than the record."""
_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_blocks(records: Iterable[Sequence[Any]], text: Callable[[Any], str | None]) -> Iterator[bytes]:
    """The records as blocks of whole lines; ``text`` gives a value as a parameter would be sent, None for null."""
    lines: list[str] = []
    size = 0
    for record in records:
        line = "\t".join(_field(value, text) for value in record)
        lines.append(line)
        size += len(line)
        if size >= BLOCK_BYTES:
            yield _block(lines)
            lines, size = [], 0
    if lines:
        yield _block(lines)


def _block(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _field(value: Any, text: Callable[[Any], str | None]) -> str:
    given = value if type(value) is str else text(value)
    return _NULL if given is None else given.translate(_ESCAPES)
