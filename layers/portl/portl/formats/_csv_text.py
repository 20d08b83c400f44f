"""Records as CSV (RFC 4180): UTF-8, LF at the end of every line, quotes only where they are needed.

Null is an empty field and empty text is two quotes, as PostgreSQL's COPY has it; a reader that makes no such difference, as
``csv.read`` is one, has empty text for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portl.errors import MappingError, Place
from portl.stores import CsvDialect
from portl.stores._csv import DELIMITERS
from portl.values import as_text, to_json

BOM = "\ufeff"


def csv_bytes(records: Iterable[Mapping[str, Any]], columns: Sequence[str], dialect: CsvDialect) -> Iterator[bytes]:
    """The lines of a CSV, the header first unless the dialect leaves it out.

    Raises:
        MappingError: M106, a text holds NUL, which is in no text file; M107, a column has no name.
        TemplateError: T106, a value is no JSON.
    """
    line = _Line(dialect)
    if dialect.header and columns:
        _check_names(columns)
        yield line.of(columns, columns)
    for record in records:
        yield line.of(columns, [record.get(name) for name in columns])


class _Line:
    """Makes lines. A field is quoted too where another delimiter stands in it, so that a reader finds the right one."""

    def __init__(self, dialect: CsvDialect) -> None:
        self._delimiter = dialect.delimiter or DELIMITERS[0]
        self._quote = dialect.quote
        self._special = frozenset({*DELIMITERS, self._delimiter, self._quote, "\r", "\n"})

    def of(self, columns: Sequence[str], values: Sequence[Any]) -> bytes:
        fields = [self._field(name, value) for name, value in zip(columns, values, strict=True)]
        text = self._delimiter.join(fields)
        return (text or self._quote * 2).encode() + b"\n"  # a line of one empty field would be a blank one

    def _field(self, name: str, value: Any) -> str:
        if value is None:
            return ""
        text = as_text(to_json(value))
        if "\0" in text:
            hint = "leave the character out, as with replace, or write jsonl"
            raise MappingError(f"{name} holds a NUL character", code="M106", hint=hint, place=Place(column=name))
        if text and self._special.isdisjoint(text) and not text.startswith(BOM):
            return text
        return self._quote + text.replace(self._quote, self._quote * 2) + self._quote


def _check_names(columns: Sequence[str]) -> None:
    for at, name in enumerate(columns, 1):
        if not name.strip():
            hint = "name the columns under columns, or write dialect: {header: false}"
            raise MappingError(f"column {at} has no name", code="M107", hint=hint)
