"""Compressed files as streams: gzip, zstd, or one file of a zip, told apart by their first bytes.

What comes out is made as it is read, so a file that grows a thousandfold costs time and no memory.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Literal, Protocol

from portl.errors import CsvError, Place
from portl.stores._zip import open_member
from portl.stores._zstd import Zstd, damage

Compression = Literal["auto", "none", "gzip", "zip", "zstd"]

READ_BYTES = 256 * 1024
HEAD_BYTES = 4
_GZIP = b"\x1f\x8b"  # RFC 1952, 2.3.1
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")  # APPNOTE 4.3.7, 4.3.16 and 8.5.4
_ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878, 3.1.1
_SKIPPABLE = b"\x2a\x4d\x18"  # RFC 8878, 3.1.2: behind a byte of 0x50 to 0x5f


def compression_of(head: bytes) -> Compression:
    """How a file is compressed whose first ``HEAD_BYTES`` bytes are these. No text in any encoding begins so."""
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZIP):
        return "zip"
    return "zstd" if _begins_frame(head) else "none"


def decompressed(
    stream: BinaryIO,
    name: str,
    compression: Compression,
    member: str | None = None,
    notice: Callable[[str], None] | None = None,
) -> BinaryIO:
    """What a compressed file holds, as a stream; the stream itself when it is not compressed.

    Args:
        stream: the file, at its beginning; of a zip it must be seekable.
        name: what the file is called in errors.
        compression: how it is compressed, not ``auto``.
        member: the file inside a zip; the only one when not told.
        notice: is told what the tool would warn of.

    Raises:
        CsvError: C118 at once; C117, also while it is read.
        SetupError: V141, zstd cannot be read here.
    """
    if compression == "zip":
        return open_member(stream, name, member)
    if member is not None:
        hint = "leave member out, or write compression: zip"
        raise CsvError("member names a file of a zip, and this is none", code="C118", hint=hint, place=Place(file=name))
    if compression == "none":
        return stream
    return io.BufferedReader(Inflated(stream, name, compression, notice), READ_BYTES)


class _Member(Protocol):
    """A gzip member or a zstd frame that is being read."""

    @property
    def eof(self) -> bool: ...

    @property
    def hungry(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...

    def feed(self, data: bytes, most: int) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._z = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._z.eof

    @property
    def hungry(self) -> bool:
        return not self._z.unconsumed_tail

    @property
    def rest(self) -> bytes:
        return self._z.unused_data

    def feed(self, data: bytes, most: int) -> bytes:
        return self._z.decompress(self._z.unconsumed_tail + data, most)


class Inflated(io.RawIOBase):
    """The content of gzip members or zstd frames, one behind the other.

    What stands behind the last of them is treated as the tools do: gzip warns and goes by, to zstd the file is broken.
    """

    def __init__(self, stream: BinaryIO, name: str, compression: Compression, notice: Callable[[str], None] | None) -> None:
        super().__init__()
        self._notice = notice
        self._stream, self._name, self._kind = stream, name, compression
        self._make: Callable[[], _Member] = _Gzip if compression == "gzip" else Zstd
        self._damage = (zlib.error,) if compression == "gzip" else damage()
        self._pending = b""
        self._one: _Member | None = self._begin(self._filled(b""))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills as much of the buffer as is at hand."""
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _some(self, most: int) -> bytes:
        while self._one is not None:
            if self._one.eof:
                self._one = self._behind(self._filled(self._one.rest))
                continue
            data, self._pending = self._pending, b""
            if not data and self._one.hungry:
                data = self._stream.read(READ_BYTES)
                if not data:
                    raise self._broken("it ends in the middle: the file is cut off")
            out = self._fed(self._one, data, most)
            if out:
                return out
        return b""

    def _fed(self, one: _Member, data: bytes, most: int) -> bytes:
        try:
            return one.feed(data, most)
        except self._damage as problem:
            if "too much memory" in str(problem):
                text = "the zstd data needs a window of more than 128 MiB"
                raise self._error(text, "compress it again, without --long or with --long=27") from problem
            raise self._broken(str(problem)) from problem

    def _begin(self, head: bytes) -> _Member:
        if not head:
            raise self._broken("the file is empty")
        if compression_of(head) != self._kind:
            text = f"the file is no {self._kind}"
            raise self._error(text, "write compression: auto, which looks at the file's first bytes")
        self._pending = head
        return self._make()

    def _behind(self, head: bytes) -> _Member | None:
        """The next member; None at the end. The rest is read all the same, so that whoever hashes the file has all of it."""
        if compression_of(head) == self._kind:
            return self._begin(head)
        if head and self._kind == "zstd":
            raise self._broken("something that is no frame stands behind the last one")
        ignored = len(head.strip(b"\0"))
        while more := self._stream.read(READ_BYTES):
            ignored += len(more.strip(b"\0"))
        if ignored and self._notice is not None:
            self._notice(f"{self._name}: what stands behind the gzip data is no gzip, and is not read")
        return None

    def _filled(self, head: bytes) -> bytes:
        """Bytes and what follows them, enough to see what they begin."""
        while len(head) < HEAD_BYTES and (more := self._stream.read(READ_BYTES)):
            head += more
        return head

    def _broken(self, reason: str) -> CsvError:
        text = f"the {self._kind} data is broken: {reason}"
        return self._error(text, "copy the file again from where it came, and test it there")

    def _error(self, text: str, hint: str) -> CsvError:
        return CsvError(text, code="C117", hint=hint, place=Place(file=self._name))


def _begins_frame(head: bytes) -> bool:
    return head.startswith(_ZSTD) or (head[1:HEAD_BYTES] == _SKIPPABLE and head[0] >> 4 == 5)  # noqa: PLR2004 - 0x5_
