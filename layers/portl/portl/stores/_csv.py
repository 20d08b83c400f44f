"""Strict CSV (RFC 4180 with any of four delimiters), read as a stream with the line of every record.

A record ends with LF or CRLF; a CR alone inside a field must be quoted. A blank line is allowed at the end of the file only.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from portl.errors import CsvError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DELIMITERS = ",;\t|"
MAX_RECORD_BYTES = 16 * 1024 * 1024
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

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
        *,
        dialect: CsvDialect,
        wanted: list[str] | None,
        encoding: str | None,
        max_record_bytes: int,
    ) -> None:
        self._name = name
        self._wanted = wanted
        self._lines = _Lines(stream, name, encoding, max_record_bytes)
        delimiter = dialect.delimiter or self._detect(self._lines.peek(dialect.quote), dialect.quote)
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
            text = "the file begins with a blank line" if found else "the file is empty"
            raise self._error("C101", 1, f"{text}: it has no header", "the first line names the columns")
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
            return self._error(
                "C102", line, "a quote opened in this record is never closed", "close it, or double it inside a field"
            )
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
        max_record_bytes: the longest record, its line ends included; characters, where a line end is no single byte (UTF-16).

    Raises:
        CsvError: C101 to C199, with the line.
    """
    return CsvReader(
        stream,
        name,
        dialect=dialect or CsvDialect(),
        wanted=columns,
        encoding=encoding,
        max_record_bytes=max_record_bytes,
    )


class _Lines:
    """The file's lines as text, counted; the lines of one record are bounded together.

    A line is never read further than its record may reach, so a file without a line end does not fill the memory.
    """

    def __init__(self, stream: BinaryIO, name: str, encoding: str | None, most: int) -> None:
        self.number = 0
        self._name, self._most = name, most
        self._start, self._size = 1, 0
        self._pending: deque[bytes | str] = deque()
        self._encoding = self._codec(encoding)
        buffered = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
        head = buffered.readline(most + 1)
        if encoding is None:
            self._check_bom(head)
        if "\n".encode(self._encoding) == b"\n":
            self._readline: Callable[[int], bytes | str] = buffered.readline
            self._pending.extend([head] if head else [])
        else:
            joined = io.BufferedReader(_Joined(head, buffered))
            self._readline = io.TextIOWrapper(joined, encoding=self._encoding, newline="\n").readline

    def peek(self, quote: str) -> str:
        """The first record's text, which is read again afterwards; a quoted name may hold line ends."""
        lines, texts, size, is_open = list(self._pending), list[str](), 0, False
        self._pending.clear()
        while raw := lines.pop(0) if lines else self._read(self._most + 1):
            self._pending.append(raw)
            size += len(raw)
            if size > self._most:
                break
            texts.append(self._decode(raw, len(texts) + 1))
            is_open ^= bool(texts[-1].count(quote) % 2)
            if not is_open:
                break
        return "".join(texts)

    def begin_record(self) -> None:
        self._start, self._size = self.number + 1, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._pending.popleft() if self._pending else self._read(self._most + 1 - self._size)
        if raw is None:
            raise StopIteration
        self.number += 1
        self._size += len(raw)
        if self._size > self._most:
            text = f"a record is longer than {self._most:,} bytes"
            raise self._error("C111", self._start, text, "look for a quote that is not closed, or raise max_record_bytes")
        line = self._decode(raw, self.number)
        if "\0" in line:
            raise self._error("C112", self.number, "a NUL byte stands in the file", "the file is no text, or is damaged")
        return line

    def _read(self, most: int) -> bytes | str | None:
        try:
            return self._readline(most) or None
        except UnicodeDecodeError as problem:
            # The decoder reads ahead, but only when no whole line is left: what it could still decode says which line is bad.
            codec = problem.encoding if self._encoding in ("utf-16", "utf-32") else self._encoding
            before = problem.object[: problem.start].decode(codec).count("\n")
            raise self._undecodable(self.number + len(self._pending) + before + 1, problem.reason) from None
        except UnicodeError as problem:
            raise self._undecodable(1, str(problem)) from None

    def _codec(self, encoding: str | None) -> str:
        try:
            "\n".encode(encoding or "utf-8")
            return codecs.lookup(encoding or "utf-8").name.removesuffix("-sig")
        except (LookupError, ValueError):
            raise self._error("C113", 1, f"there is no encoding {encoding!r}", "such as utf-8, cp1252, utf-16") from None

    def _check_bom(self, head: bytes) -> None:
        for mark, name in _WIDE.items():
            if head.startswith(mark):
                raise self._error("C113", 1, f"the file begins as {name.upper()}", f"write encoding: {name}")

    def _decode(self, raw: bytes | str, number: int) -> str:
        try:
            text = raw if isinstance(raw, str) else raw.decode(self._encoding)
        except UnicodeDecodeError as problem:
            reason = f"byte {problem.start + 1} is 0x{problem.object[problem.start]:02x}"
            raise self._undecodable(number, reason) from None
        return text.removeprefix("\ufeff") if number == 1 else text

    def _undecodable(self, number: int, reason: str) -> CsvError:
        text = f"the line is no {self._encoding.upper()}: {reason}"
        return self._error("C113", number, text, "write the file's encoding, such as encoding: cp1252")

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
