from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from portl.errors import StoreError
from portl.stores._base import Store, below_file, check_path, is_folder, named, taken

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator

_UNFINISHED = ".writing-"


class LocalStore:
    """A folder on disk. Links do not lead out of it."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root).resolve()

    def read(self, path: str) -> bytes:
        """See Store."""
        with named(path):
            return self._at(path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        """See Store."""
        with named(path):
            return self._at(path).open("rb")

    def write(self, path: str, data: bytes | Iterable[bytes], *, overwrite: bool = True, durable: bool = False) -> int:
        """See Store. Written beside its target and renamed; nothing is left of a write that fails."""
        with named(path):
            target = self._at(path)
            handle, name = _begin(path, target)
        part = Path(name)
        try:
            # Unbuffered, so that closing writes nothing, and each part's own error is told from the disk's.
            with os.fdopen(handle, "wb", buffering=0) as stream:
                size = sum(_put(stream, each, path) for each in ((data,) if isinstance(data, bytes) else data))
                if durable:
                    with named(path):
                        os.fsync(stream.fileno())
            with named(path):
                _finish(path, part, target, overwrite=overwrite)
                if durable:
                    _sync_folder(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return size

    def exists(self, path: str) -> bool:
        """See Store."""
        with named(path):
            return self._at(path).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        folder = self._at(prefix)
        found = (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
        yield from sorted(each.relative_to(self._root).as_posix() for each in found if not each.name.startswith(_UNFINISHED))

    def delete(self, path: str) -> None:
        """See Store."""
        with named(path):
            target = self._at(path)
            if target.is_dir():
                raise is_folder(path)
            target.unlink()

    def _at(self, path: str) -> Path:
        target = self._root / check_path(path)
        if not target.parent.resolve().is_relative_to(self._root) or target.is_symlink():
            raise StoreError(f"{path!r} leads out of the store by a link", code="F102", hint="use a path without links")
        return target


def open_store(root: str) -> Store:
    """The store at a folder.

    Raises:
        StoreError: F110, the kind of store is not in this version.
    """
    if "://" in root:
        raise StoreError(f"{root} cannot be opened: only folders can be, so far", code="F110", hint="use a local folder")
    return LocalStore(root)


def open_input(path: str, base: Path | None = None) -> io.BufferedReader:
    """A file of the user's, absolute or from ``base`` (the working folder when not told), opened for reading.

    Raises:
        StoreError: F101 not there, F102 no path, F103 not permitted, F104 a folder, F105 otherwise.
    """
    if not path:
        raise StoreError("the path is empty", code="F102", hint="name a file")
    with named(path):
        return (base or Path()).joinpath(path).open("rb")


def checksum(path: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal. Raises as open_input does."""
    with open_input(path) as stream, named(path):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _begin(path: str, target: Path) -> tuple[int, str]:
    if target.is_dir():
        raise is_folder(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise below_file(path) from None
    return tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)


def _put(stream: io.FileIO, data: bytes, path: str) -> int:
    left = memoryview(data)
    with named(path):
        while left:
            left = left[stream.write(left) :]
    return len(data)


def _finish(path: str, part: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(target)
        return
    try:
        target.hardlink_to(part)  # a link, unlike a rename, refuses to take the place of what is there
    except FileExistsError:
        raise taken(path) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
