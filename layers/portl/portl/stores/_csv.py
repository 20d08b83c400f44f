"""Strict CSV (RFC 4180 with any of four delimiters), read as a stream with the line of every record.

A record ends with LF, CRLF or the end of the file; a CR followed by anything else must be quoted. A blank line is allowed at
the end of the file only, in a file of one column too: an empty field there is written as two quotes.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from portl.errors import CsvError, Place
from portl.stores._lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator

DELIMITERS = ",;\t|"
MAX_RECORD_BYTES = 16 * 1024 * 1024
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

csv.field_size_limit(2**31 - 1)  # the limit is the process's; a record's own limit is held below


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a file is written. Without ``delimiter`` it is found in the header."""

    delimiter: str | None = None
    quote: str = '"'
    header: bool = True


class CsvReader:
    """The records of a file: ``(line, values)``, the line from 1 where the record begins.

    ``begins``, ``ends`` and ``raw`` speak of the record's bytes, where the encoding ``is_cut_by_bytes``.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        *,
        dialect: CsvDialect,
        wanted: list[str] | None,
        encoding: str | None,
        max_record_bytes: int,
        first_line: int = 1,
    ) -> None:
        self._name = name
        self.begins = 0
        self._wanted = wanted
        self._told_by = "the header" if dialect.header else "the job's columns"
        self._lines = Lines(stream, name, encoding, max_record_bytes, first_line)
        self._quote = self._mark("quote", dialect.quote)
        self._first = self._lines.peek(self._quote)
        self.delimiter = self._detect() if dialect.delimiter is None else self._mark("delimiter", dialect.delimiter)
        if self.delimiter == self._quote:
            text = f"{self._quote!r} is both the delimiter and the quote"
            raise self._error("C114", 1, text, "write dialect: {delimiter: …, quote: …}")
        self._csv = csv.reader(self._lines, delimiter=self.delimiter, quotechar=self._quote, strict=True, doublequote=True)
        self.columns: tuple[str, ...] = self._header() if dialect.header else self._without_header()

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        width, blank = len(self.columns), 0
        while (found := self._next()) is not None:
            line, values = found
            if not values:
                blank = blank or line
            elif blank:
                raise self._error("C106", blank, "a blank line stands between records", "remove it")
            elif len(values) != width:
                raise self._ragged(line, values)
            else:
                yield line, tuple(values)

    @property
    def ends(self) -> int:
        """Where the record read last ends, in bytes from the beginning; ``begins`` is where it begins."""
        return self._lines.offset

    @property
    def raw(self) -> list[bytes]:
        """The bytes of the record read last, line by line."""
        return self._lines.raw

    def _next(self) -> tuple[int, list[str]] | None:
        line, self.begins = self._lines.number + 1, self._lines.offset
        self._lines.begin_record()
        try:
            values = next(self._csv, None)
        except csv.Error as problem:
            raise self._broken(line, str(problem)) from None
        return None if values is None else (line, values)

    def _header(self) -> tuple[str, ...]:
        found = self._next()
        names = found[1] if found else []
        if not names:
            text = "the file begins with a blank line" if self._first else "the file is empty"
            raise self._error("C101", 1, f"{text}: it has no header", "the first line names the columns")
        self._check_names(names)
        missing = [name for name in self._wanted or () if name not in names]
        if missing:
            text = f"the header lacks {', '.join(missing)}; it has {', '.join(names)}"
            raise self._error("C107", 1, text, "check the file, the delimiter and the job's columns", missing[0])
        return tuple(names)

    def _without_header(self) -> tuple[str, ...]:
        if not self._wanted:
            raise self._error("C107", 1, "a file without a header needs columns in the job", "write columns: [...]")
        self._check_names(self._wanted)
        return tuple(self._wanted)

    def _check_names(self, names: list[str]) -> None:
        seen: set[str] = set()
        for at, name in enumerate(names):
            if not name.strip():
                raise self._error("C104", 1, f"column {at + 1} of {self._told_by} has no name", "name every column")
            if name in seen:
                text = f'the column "{name}" stands twice in {self._told_by}'
                raise self._error("C105", 1, text, "name each column once", name)
            seen.add(name)

    def _mark(self, what: str, mark: str) -> str:
        # What csv.reader accepts here differs between versions of Python.
        if len(mark) != 1 or mark in "\r\n\0":
            text = f"{mark!r} cannot be a {what}"
            raise self._error("C114", 1, text, f"a {what} is one character and no line end")
        return mark

    def _detect(self) -> str:
        plain = "".join(self._first.split(self._quote)[::2])
        counts = {mark: plain.count(mark) for mark in DELIMITERS}
        most = max(counts.values())
        best = [mark for mark in DELIMITERS if counts[mark] == most]
        if most and len(best) > 1:
            names = " or ".join(_NAMES[mark] for mark in best)
            raise self._error("C108", 1, f"the delimiter may be {names}", "write dialect: {delimiter: …}")
        return best[0] if most else ","

    def _ragged(self, line: int, values: list[str]) -> CsvError:
        width = len(self.columns)
        text = f"the record has {len(values)} {'field' if len(values) == 1 else 'fields'} and {self._told_by} {width}"
        if len(values) < width:
            text += f"; nothing for {', '.join(self.columns[len(values) :])}"
        return self._error("C103", line, text, "look for a delimiter too few or too many, or a field that needs quotes")

    def _broken(self, line: int, reason: str) -> CsvError:
        if "unexpected end" in reason:
            text = "a quote opened on this line is never closed"
            return self._error("C102", self._open_quote(line), text, "close it, or double it inside a field")
        if "expected after" in reason:
            text = "text stands behind a closing quote"
            return self._error("C109", self._lines.number, text, "double a quote that belongs to the field")
        if "new-line character" in reason:
            return self._error("C110", self._lines.number, "a carriage return stands alone in a field", "quote the field")
        return self._error("C199", self._lines.number, reason, "correct the record")

    def _open_quote(self, line: int) -> int:
        """The line of the quote that was never closed, in the record that begins at ``line`` and is the file's last."""
        quote, delimiter = re.escape(self._quote), re.escape(self.delimiter)
        whole_field = f"(?:{quote}(?:[^{quote}]++|{quote}{quote})*+{quote}|(?!{quote})[^{delimiter}]*+){delimiter}"
        record = self._lines.record()
        before = re.match(f"(?:{whole_field})*+", record)
        return line + record.count("\n", 0, before.end() if before else 0)

    def _error(self, code: str, line: int, text: str, hint: str, column: str | None = None) -> CsvError:
        return CsvError(text, code=code, hint=hint, place=Place(file=self._name, line=line, column=column))


def read_csv(
    stream: BinaryIO,
    *,
    name: str,
    dialect: CsvDialect | None = None,
    columns: list[str] | None = None,
    encoding: str | None = None,
    max_record_bytes: int = MAX_RECORD_BYTES,
    first_line: int = 1,
) -> CsvReader:
    """Opens a CSV; its header is read at once, its records as they are asked for, in flat memory.

    Args:
        stream: the file's bytes.
        name: what the file is called in errors.
        dialect: how it is written; found out when not told.
        columns: those that must be there (all columns are read); without a header, their names.
        encoding: a codec's name; UTF-8, with or without BOM, when not told.
        max_record_bytes: the longest record, its line ends included; characters, where a line end is no single byte (UTF-16).
        first_line: the number of the first line, where the stream begins inside a file.

    Raises:
        CsvError: C101 to C114, or C199 for what Python's csv module refuses besides; with the line.
    """
    return CsvReader(
        stream,
        name,
        dialect=dialect or CsvDialect(),
        wanted=columns,
        encoding=encoding,
        max_record_bytes=max_record_bytes,
        first_line=first_line,
    )
