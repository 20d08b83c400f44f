"""A store that lasts as long as the process, for tests: public, and held to the same promises as the others."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from portl.errors import AlreadyExists, Changed, IsFolder, NotAFolder, NotFound, NotSupported, StoreError
from portl.stores._driver import Driver
from portl.stores._entries import Capability, Entry, How, Span


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    entry: Entry


@dataclass(slots=True)
class MemoryDriver:
    """Objects by their keys. Folders are there as long as something is in them."""

    name: str = "memory"
    part_bytes: int = 1024 * 1024
    place: str = ""
    hashes: tuple[str, ...] = ("md5",)
    capabilities: frozenset[Capability] = frozenset(
        {"create", "replace", "if_match", "metadata", "server_copy", "checksum", "exact_keys"}
    )
    _objects: dict[str, _Object] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _number: int = 0

    def __post_init__(self) -> None:
        self.place = self.place or f"memory-{id(self)}"

    def head(self, key: str, version: str | None) -> Entry:  # noqa: ARG002 - see Driver
        """See Driver."""
        with self._lock:
            if key in self._objects:
                return self._objects[key].entry
            if self._has_below(key):
                return Entry(key, "folder")
        raise NotFound("")

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        """See Driver."""
        with self._lock:
            found = self._found(key)
        if span.etag is not None and found.entry.etag != span.etag:
            raise Changed("")
        return found.entry, iter([found.data[span.start : span.end]])

    def put(self, key: str, data: bytes, how: How) -> Entry:
        """See Driver."""
        with self._lock:
            self._may(key, how)
            self._number += 1
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            entry = Entry(
                key,
                size=len(data),
                modified=datetime.now(UTC),
                etag=f"{self._number:x}-{md5}",
                checksum=f"md5:{md5}",
                content_type=how.content_type,
                metadata=dict(how.metadata),
            )
            self._objects[key] = _Object(data, entry)
        return entry

    def begin(self, key: str, how: How) -> _Parts:
        """See Driver."""
        with self._lock:
            self._place(key)
        return _Parts(self, key, how)

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        """See Driver."""
        with self._lock:
            keys = sorted((key for key in self._objects if key.startswith(prefix)), key=str.encode)
            entries = {key: self._objects[key].entry for key in keys}
        seen = ""
        for key in keys:
            name, slash, _ = key[len(prefix) :].partition("/")
            folder = prefix + name + "/" if slash and not deep else ""
            if (folder or key).encode() <= start_after.encode() or (folder and folder == seen):
                continue
            seen = folder
            yield Entry(folder.rstrip("/"), "folder") if folder else entries[key]

    def delete(self, key: str, etag: str | None) -> None:
        """See Driver."""
        with self._lock:
            if etag not in (None, self._found(key).entry.etag):
                raise Changed("")
            del self._objects[key]

    def remove_folder(self, key: str) -> None:
        """See Driver: an empty folder is none."""

    def copy(self, origin: Driver, source: str, target: str, how: How, etag: str | None) -> Entry:
        """See Driver."""
        with self._lock:
            entry, parts = origin.get(source, Span(etag=etag))
            return self.put(target, b"".join(parts), replace(how, content_type=entry.content_type, metadata=entry.metadata))

    def rename(self, source: str, target: str, how: How) -> bool:
        """See Driver."""
        with self._lock:
            self.copy(self, source, target, how, None)
            self.delete(source, None)
        return True

    def sign(self, key: str, method: str, until: datetime) -> str:  # noqa: ARG002 - see Driver
        """See Driver."""
        raise NotSupported(f"{key} in memory has no address to sign", capability="sign")

    def classify(self, problem: Exception) -> type[StoreError] | None:  # noqa: ARG002 - see Driver
        """See Driver: nothing of a library is used."""
        return None

    def close(self) -> None:
        """See Driver."""

    def contents(self) -> Mapping[str, bytes]:
        """All that is there."""
        with self._lock:
            return {key: found.data for key, found in self._objects.items()}

    def _found(self, key: str) -> _Object:
        if key in self._objects:
            return self._objects[key]
        raise IsFolder("") if self._has_below(key) else NotFound("")

    def _has_below(self, key: str) -> bool:
        return any(each.startswith(f"{key}/") for each in self._objects)

    def _place(self, key: str) -> None:
        if self._has_below(key):
            raise IsFolder("")
        if any(key[:at] in self._objects for at, each in enumerate(key) if each == "/"):
            raise NotAFolder("")

    def _may(self, key: str, how: How) -> None:
        self._place(key)
        found = self._objects.get(key)
        if how.if_match is not None and (found is None or found.entry.etag != how.if_match):
            raise Changed("")
        if not how.overwrite and found is not None:
            raise AlreadyExists("")


@dataclass(slots=True)
class _Parts:
    driver: MemoryDriver
    key: str
    how: How
    data: bytearray = field(default_factory=bytearray)

    @property
    def part_bytes(self) -> int:
        """See Upload."""
        return self.driver.part_bytes

    def part(self, data: bytes) -> None:
        """See Upload."""
        self.data += data

    def commit(self) -> Entry:
        """See Upload."""
        return self.driver.put(self.key, bytes(self.data), self.how)

    def abort(self) -> None:
        """See Upload."""
        self.data.clear()
