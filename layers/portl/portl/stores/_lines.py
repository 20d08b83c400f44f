"""The lines of a file as text, each counted and each record bounded: what a CSV is read from."""

from __future__ import annotations

import codecs
import io
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from portl.errors import CsvError, Place

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Lines:
    """The file's lines as text, counted; the lines of one record are bounded together.

    A line is never read further than its record may reach, so a file without a line end does not fill the memory. ``offset``
    is where the next line begins, in bytes, and ``raw`` the bytes of the record that was begun last, of an encoding that
    ``is_cut_by_bytes``. ``first`` is the number of the first line.
    """

    def __init__(self, stream: BinaryIO, name: str, encoding: str | None, most: int, first: int = 1) -> None:
        self.number = first - 1
        self.offset = 0
        self.raw: list[bytes] = []
        self._name, self._most = name, most
        self._start, self._size = 1, 0
        self._record: list[str] = []
        self._pending: deque[bytes | str] = deque()
        self._encoding = self._codec(encoding)
        buffered = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
        head = buffered.readline(most + 1)
        if encoding is None:
            self._check_bom(head)
        if is_cut_by_bytes(self._encoding):
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
            texts.append(self._decode(raw, self.number + len(texts) + 1))
            is_open ^= bool(texts[-1].count(quote) % 2)
            if not is_open:
                break
        return "".join(texts)

    def begin_record(self) -> None:
        """Tells that the next line is the first of a record."""
        self._start, self._size = self.number + 1, 0
        self._record.clear()
        self.raw.clear()

    def record(self) -> str:
        """The text read so far of the record that was begun last."""
        return "".join(self._record)

    def __iter__(self) -> Lines:
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
        self._record.append(line)
        if isinstance(raw, bytes):
            self.raw.append(raw)
            self.offset += len(raw)
        return line

    def _read(self, most: int) -> bytes | str | None:
        try:
            return self._readline(most) or None
        except UnicodeDecodeError as problem:
            # The decoder reads ahead, but only when no whole line is left: what it could still decode says which line is bad.
            codec = problem.encoding if self._encoding in ("utf-16", "utf-32") else self._encoding
            before = problem.object[: problem.start].decode(codec).count("\n")
            raise self._undecodable(self.number + len(self._pending) + before + 1, _reason(problem)) from None
        except UnicodeError:
            raise self._undecodable(1, NO_BOM) from None

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
        if number == 1 and text.startswith("\ufffe"):
            raise self._undecodable(1, "its byte order mark is of the other order")
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


def is_cut_by_bytes(encoding: str) -> bool:
    """Whether a line ends with the byte of LF and with no other, so that lines are found without decoding the file."""
    return "\n".encode(encoding) == b"\n"


NO_BOM = "it does not start with a byte order mark"


def _reason(problem: UnicodeDecodeError) -> str:
    """Python's reason, but for the missing mark, which its versions word differently and raise as different errors."""
    return NO_BOM if "BOM" in problem.reason else problem.reason
