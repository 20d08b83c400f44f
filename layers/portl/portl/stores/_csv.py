"""Strict CSV (RFC 4180 with any of four delimiters), read as a stream with the line of every record.

A record ends with LF or CRLF; a CR alone inside a field must be quoted. A blank line is allowed at the end of the file only.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from portl.errors import CsvError, Place

DELIMITERS = ",;\t|"
MAX_RECORD_BYTES = 16 * 1024 * 1024
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_WIDE = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

csv.field_size_limit(2**31 - 1)  # the limit is the process's; a record's own limit is held below


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a file is written. Without ``delimiter`` it is found in the header."""

    delimiter: str | None = None
    quote: str = '"'
    header: bool = True


class CsvReader:
    """The records of a file: ``(line, values)``, the line from 1 where the record begins."""

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        dialect: CsvDialect,
        wanted: list[str] | None,
        encoding: str | None,
        max_record_bytes: int,
    ) -> None:
        self._name = name
        self._wanted = wanted
        self._lines = _Lines(stream, name, encoding, max_record_bytes)
        first = self._lines.peek()
        delimiter = dialect.delimiter or self._detect(first, dialect.quote)
        self._csv = csv.reader(self._lines, delimiter=delimiter, quotechar=dialect.quote, strict=True, doublequote=True)
        self.columns: tuple[str, ...] = self._header() if dialect.header else self._numbered(wanted)

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

    def _next(self) -> tuple[int, list[str]] | None:
        line = self._lines.number + 1
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
            raise self._error("C101", 1, "the file is empty: it has no header", "the first line names the columns")
        for at, name in enumerate(names):
            if not name.strip():
                raise self._error("C104", 1, f"column {at + 1} has no name", "name every column in the header")
            if name in names[:at]:
                raise self._error("C105", 1, f'the column "{name}" stands twice in the header', "name each column once", name)
        missing = [name for name in self._wanted or () if name not in names]
        if missing:
            text = f"the header lacks {', '.join(missing)}; it has {', '.join(names)}"
            raise self._error("C107", 1, text, "check the file, the delimiter and the job's columns", missing[0])
        return tuple(names)

    def _numbered(self, wanted: list[str] | None) -> tuple[str, ...]:
        if not wanted:
            raise self._error("C107", 1, "a file without a header needs columns in the job", "write columns: [...]")
        return tuple(wanted)

    def _detect(self, first: str, quote: str) -> str:
        plain = "".join(first.split(quote)[::2])
        counts = {mark: plain.count(mark) for mark in DELIMITERS}
        most = max(counts.values())
        best = [mark for mark in DELIMITERS if counts[mark] == most]
        if most and len(best) > 1:
            names = " or ".join(_NAMES[mark] for mark in best)
            raise self._error("C108", 1, f"the delimiter may be {names}", "write dialect: {delimiter: …}")
        return best[0] if most else ","

    def _ragged(self, line: int, values: list[str]) -> CsvError:
        width = len(self.columns)
        text = f"the record has {len(values)} fields and the header {width}"
        if len(values) < width:
            text += f"; nothing for {', '.join(self.columns[len(values) :])}"
        return self._error("C103", line, text, "look for a delimiter too few or too many, or a field that needs quotes")

    def _broken(self, line: int, reason: str) -> CsvError:
        if "unexpected end" in reason:
            return self._error("C102", line, "a quote opened in this record is never closed", "close it, or double it inside a field")
        if "expected after" in reason:
            text = "text stands behind a closing quote"
            return self._error("C109", self._lines.number, text, "double a quote that belongs to the field")
        if "new-line character" in reason:
            return self._error("C110", self._lines.number, "a carriage return stands alone in a field", "quote the field")
        return self._error("C199", self._lines.number, reason, "correct the record")

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
) -> CsvReader:
    """Opens a CSV; its header is read at once, its records as they are asked for, in flat memory.

    Args:
        stream: the file's bytes.
        name: what the file is called in errors.
        dialect: how it is written; found out when not told.
        columns: those that must be there (all columns are read); without a header, their names.
        encoding: a codec's name; UTF-8, with or without BOM, when not told.
        max_record_bytes: the longest record.

    Raises:
        CsvError: C101 to C199, with the line.
    """
    return CsvReader(stream, name, dialect or CsvDialect(), columns, encoding, max_record_bytes)


class _Lines:
    """The file's lines as text, counted; the lines of one record are bounded together."""

    def __init__(self, stream: BinaryIO, name: str, encoding: str | None, most: int) -> None:
        self.number = 0
        self._name, self._most, self._size = name, most, 0
        buffered = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
        self._encoding = self._codec(encoding)
        self._raw: Iterator[bytes] | Iterator[str] = iter(buffered)
        head = self._chunk(buffered)
        self._check_bom(head, encoding)
        if self._encoding in ("utf-16", "utf-32") or self._encoding.startswith(("utf-16", "utf-32")):
            rest = _Joined(head, buffered)
            self._raw = iter(io.TextIOWrapper(io.BufferedReader(rest), encoding=self._encoding, newline="\n"))
            self._pending: list[bytes | str] = []
        else:
            self._pending = [head.removeprefix(codecs.BOM_UTF8) if self._encoding == "utf-8" else head] if head else []

    def peek(self) -> str:
        if not self._pending:
            first = next(self._raw, None)
            if first is None:
                return ""
            self._pending.append(first)
        return self._decode(self._pending[0], 1)

    def begin_record(self) -> None:
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._pending.pop() if self._pending else next(self._raw)
        self.number += 1
        self._size += len(raw)
        if self._size > self._most:
            text = f"a record is longer than {self._most:,} bytes"
            raise self._error("C111", self.number, text, "look for a quote that is not closed, or raise max_record_bytes")
        line = self._decode(raw, self.number)
        if "\0" in line:
            raise self._error("C112", self.number, "a NUL byte stands in the file", "the file is no text, or is damaged")
        return line

    def _chunk(self, stream: BinaryIO) -> bytes:
        """The first line, never more than a record may have."""
        return stream.readline(self._most + 1)

    def _codec(self, encoding: str | None) -> str:
        try:
            return codecs.lookup(encoding or "utf-8").name.removesuffix("-sig").replace("utf-8-sig", "utf-8")
        except LookupError:
            raise self._error("C113", 1, f"there is no encoding {encoding!r}", "such as utf-8, cp1252, utf-16") from None

    def _check_bom(self, head: bytes, encoding: str | None) -> None:
        for mark, name in _WIDE.items():
            if head.startswith(mark) and encoding is None:
                raise self._error("C113", 1, f"the file begins as {name.upper()}", f"write encoding: {name}")

    def _decode(self, raw: bytes | str, number: int) -> str:
        if isinstance(raw, str):
            return raw
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as problem:
            text = f"byte {problem.start + 1} of the line (0x{raw[problem.start]:02x}) is no {self._encoding.upper()}"
            raise self._error("C113", number, text, "write the file's encoding, such as encoding: cp1252") from None

    def _error(self, code: str, line: int, text: str, hint: str) -> CsvError:
        return CsvError(text, code=code, hint=hint, place=Place(file=self._name, line=line))


class _Joined(io.RawIOBase):
    """Bytes already read, then the rest of the stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._head[: len(view)] or self._rest.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)
