"""A file of a store as a stream: seekable, read when it is needed, one content from end to end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from portl.stores._entries import Entry

if TYPE_CHECKING:
    from portl.stores._store import Store

BUFFER_BYTES = 256 * 1024
SKIPPED_BYTES = 1024 * 1024
"""A seek forward that is no farther reads on: cheaper than a new request."""

_NOTHING = memoryview(b"")


class Reader(io.RawIOBase):
    """The bytes of one file. A new request is made only where a seek leaves what is just being read."""

    def __init__(self, store: Store, path: str, entry: Entry, etag: str | None, version: str | None) -> None:
        super().__init__()
        self._store, self._path, self.entry, self._etag, self._version = store, path, entry, etag, version
        self._at = 0
        self._stream: Iterator[bytes] | None = None
        self._stream_at = 0
        self._left = _NOTHING

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place; nothing is asked of the store before the next read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.entry.size}[whence]
        if base + offset < 0:
            raise io.UnsupportedOperation("a place before the beginning")  # an OSError too: zipfile tries such places
        self._at = base + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fills as much of the buffer as is at hand."""
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Ends the request that is under way."""
        self._end()
        super().close()

    def _some(self, most: int) -> memoryview:
        if self._at >= self.entry.size or not most:
            return _NOTHING
        self._reach()
        while not self._left:
            part = next(cast("Iterator[bytes]", self._stream), None)
            if part is None:
                return _NOTHING
            self._left = memoryview(part)
        data, self._left = self._left[:most], self._left[most:]
        self._stream_at += len(data)
        return data

    def _reach(self) -> None:
        """Brings the request under way to the place that is to be read, or makes a new one."""
        ahead = self._at - self._stream_at
        if self._stream is None or not 0 <= ahead <= SKIPPED_BYTES:
            self._end()
            self._stream = self._store.chunks(self._path, self._at, None, etag=self._etag, version=self._version)
            self._stream_at = self._at
        while self._stream_at < self._at:
            if not self._left:
                self._left = memoryview(next(self._stream, b""))
                if not self._left:
                    return
            skipped = min(len(self._left), self._at - self._stream_at)
            self._left = self._left[skipped:]
            self._stream_at += skipped

    def _end(self) -> None:
        stream, self._stream, self._left = self._stream, None, _NOTHING
        if stream is not None and hasattr(stream, "close"):
            stream.close()


def buffered(reader: Reader) -> BinaryIO:
    """The reader behind a buffer, as whoever reads lines or small pieces wants it."""
    return io.BufferedReader(reader, BUFFER_BYTES)
