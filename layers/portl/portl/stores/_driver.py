"""What a kind of store must be able to do. Every rule that a caller relies on stands in the kernel; a driver only speaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from portl.errors import StoreError
from portl.stores._entries import Capability, Entry, How, Span


class Upload(Protocol):
    """A file that is being written and that nobody sees before ``commit``."""

    @property
    def part_bytes(self) -> int:
        """How much it takes at a time, now."""
        ...

    def part(self, data: bytes) -> None:
        """Takes the next bytes: ``part_bytes`` of them, fewer at the end. After it failed it may be called again."""
        ...

    def commit(self) -> Entry:
        """Shows the file, whole, on the condition it was begun with."""
        ...

    def abort(self) -> None:
        """Leaves nothing behind. May be called after a part or the commit has failed."""
        ...


def put_by(upload: Upload, data: bytes) -> Entry:
    """A file that is no longer than a part, put by the way of longer ones."""
    try:
        upload.part(data)
        return upload.commit()
    except BaseException:
        with suppress(Exception):  # what led here is what is told
            upload.abort()
        raise


class Driver(Protocol):
    """The calls of one kind of store. Keys are paths that were checked, from the store's root.

    Each raises what its library raises; ``classify`` says what that means.
    """

    name: str
    """How the store is called in errors, without secrets, such as ``s3://lake/landing``."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond reading, writing, listing and deleting; servers may turn out to lack something."""
        ...

    part_bytes: int
    """A file that is no longer is put at once."""
    place: str
    """Two stores of one place can copy between each other without this machine, where ``server_copy`` is supported."""
    hashes: tuple[str, ...]
    """Names of hashlib that the store's own checksums are of, besides SHA-256: computed while a file is sent, and compared."""

    def head(self, key: str, version: str | None) -> Entry:
        """What is under the key: a file, or a folder where there are such."""
        ...

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        """What is there, and the bytes of it that are asked for, as they come.

        All bytes are of the content that the entry and the span speak of; when that cannot be held, ``Changed`` is raised.
        """
        ...

    def put(self, key: str, data: bytes, how: How) -> Entry:
        """Puts a small file at once."""
        ...

    def begin(self, key: str, how: How) -> Upload:
        """Begins a file of any size."""
        ...

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        """What is under a prefix (empty, or with ``/`` behind it), ordered by the bytes of the keys.

        Not deep: the files and folders right below it; deep: all files below it, at any depth.
        """
        ...

    def delete(self, key: str, etag: str | None) -> None:
        """Removes a file; where an ETag is told, only while the file has it, and else raises ``Changed``.

        In one step where the store has such a step, else after a look directly before.
        """
        ...

    def remove_folder(self, key: str) -> None:
        """Removes an empty folder; a store without folders has nothing to do."""
        ...

    def copy(self, origin: Driver, source: str, target: str, how: How, etag: str | None) -> Entry:
        """A copy, of any size, that does not pass through this machine; ``origin`` is a driver of the same place."""
        ...

    def rename(self, source: str, target: str, how: How) -> bool:
        """Moves a file in one step, or answers False where the store has no such step."""
        ...

    def sign(self, key: str, method: str, until: datetime) -> str:
        """An address that needs no credentials until then."""
        ...

    def classify(self, problem: Exception) -> type[StoreError] | None:
        """What an error of the driver's library means; None: it is a fault of the program."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...
