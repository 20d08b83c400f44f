"""A file on its way into a store: small ones are put at once, longer ones in parts that nobody sees before the last."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from portl.errors import ChecksumMismatch
from portl.stores._driver import Driver, Upload
from portl.stores._entries import Entry, How, Written
from portl.stores._progress import Told

READ_BYTES = 1024 * 1024


def parts_of(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Content in whatever form, as parts."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        whole = memoryview(data)  # a part at a time: the whole would be copied as one
        yield from (bytes(whole[at : at + READ_BYTES]) for at in range(0, len(whole), READ_BYTES))
    elif hasattr(data, "read"):
        while part := data.read(READ_BYTES):
            yield part
    else:
        yield from data


class Held:
    """Bytes that wait for enough to be sent. They are put together once: another copy would cost as much as to encrypt."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: deque[memoryview] = deque()

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Holds them too; what may change under the hand is copied."""
        self._pieces.append(memoryview(data if isinstance(data, bytes) else bytes(data)))
        self.size += len(data)

    def take(self, count: int) -> bytes:
        """The first ``count`` bytes, which must be there."""
        taken, missing = [], count
        while missing:
            piece = self._pieces.popleft()
            taken.append(piece[:missing])
            if len(piece) > missing:
                self._pieces.appendleft(piece[missing:])
            missing -= len(taken[-1])
        self.size -= count
        whole = taken[0].obj if len(taken) == 1 else None
        return whole if isinstance(whole, bytes) and len(whole) == count else b"".join(taken)


class Writing:
    """What ``Store.writer`` gives: takes bytes, hashes them on the way, and shows the file at the end."""

    def __init__(
        self,
        driver: Driver,
        path: str,
        key: str,
        how: How,
        checksum: str | None,
        told: Told,
        call: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._driver, self._path, self._key, self._how = driver, path, key, how
        self._wanted, self._told, self._call = checksum, told, call
        self.size = 0
        self.compared = False
        """Whether the store has told a hash of its own of the whole content, and it was the same."""
        self._held = Held()
        self._upload: Upload | None = None
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in {"sha256", *driver.hashes}}
        self._written: Written | None = None

    @property
    def written(self) -> Written:
        """What was left; known after a clean exit."""
        if self._written is None:
            raise ValueError("the file is not written yet")
        return self._written

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Takes more of the content."""
        for each in self._hashes.values():
            each.update(data)
        self.size += len(data)
        self._held.add(data)
        while self._held.size > (wanted := (self._upload or self._driver).part_bytes):
            self._send(self._held.take(wanted))
        return len(data)

    def commit(self) -> None:
        """Shows the file. Raises ChecksumMismatch where it is not what was promised, or not what the store has."""
        digest = f"sha256:{self._hashes['sha256'].hexdigest()}"
        if self._wanted is not None and self._wanted.lower() != digest:
            text = f"the content has {digest}, and {self._wanted} was promised"
            raise self._mismatch(text, "check where the content comes from")
        entry = self._finish(self._held.take(self._held.size))
        try:
            self._compare(entry)
        except ChecksumMismatch:
            with suppress(Exception):  # what is wrong must not stay, and that it is wrong is what is told
                self._driver.delete(self._key, entry.etag)
            raise
        self._told.end()
        self._written = Written(self._path, self.size, digest, entry.etag, entry.version)

    def abort(self) -> None:
        """Leaves nothing."""
        if self._upload is not None and self._written is None:
            with suppress(Exception):  # what led here is what the caller is told
                self._upload.abort()

    def _send(self, part: bytes) -> None:
        upload = self._upload or self._call(lambda: self._driver.begin(self._key, self._how))
        self._upload = upload
        self._call(lambda: upload.part(part))
        self._told.more(len(part))

    def _finish(self, rest: bytes) -> Entry:
        if self._upload is None:
            entry: Entry = self._call(lambda: self._driver.put(self._key, rest, self._how))
            self._told.more(len(rest))
            return entry
        if rest:
            self._send(rest)
        shown: Entry = self._call(self._upload.commit)
        return shown

    def _compare(self, entry: Entry) -> None:
        """What the store says it has, with what was sent."""
        name, _, value = (entry.checksum or "").partition(":")
        if name in self._hashes:
            self.compared = self._hashes[name].hexdigest() == value.lower()
            if not self.compared:
                raise self._mismatch(f"the store has {entry.checksum}, and {self._hashes[name].hexdigest()} was sent", "")
        if entry.size != self.size:
            raise self._mismatch(f"the store has {entry.size:,} bytes, and {self.size:,} were sent", "")

    def _mismatch(self, text: str, hint: str) -> ChecksumMismatch:
        hint = hint or "do it again; what was sent is kept"
        return ChecksumMismatch(text, hint=hint, path=self._path, store=self._driver.name, operation="write")
