from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from portl.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED = re.compile(r"[\x00-\x1f\\\ud800-\udfff]|^[A-Za-z]:")


class Store(Protocol):
    """A place for objects under relative paths with ``/``. A write is atomic: readers see the old content or the new."""

    def read(self, path: str) -> bytes:
        """The whole content. Raises StoreError F101 when there is none."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Puts the content, in place of what was there."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is content under the path."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The paths below a folder, in order."""
        ...

    def delete(self, path: str) -> None:
        """Removes what is there. Raises StoreError F101 when there is nothing."""
        ...


def check_path(path: str) -> str:
    """The path, when it is one that may be used.

    Raises:
        StoreError: F102, it is absolute, leads upwards, or holds a backslash, a drive letter, a control character
            or half a surrogate pair.
    """
    parts = path.split("/")
    if not path or path.startswith("/") or _REFUSED.search(path) or any(part in ("", ".", "..") for part in parts):
        raise StoreError(f"{path!r} is no path in a store", code="F102", hint="a relative path with / and no ..")
    return path


class LocalStore:
    """A folder on disk. Links do not lead out of it."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root).resolve()

    def read(self, path: str) -> bytes:
        """See Store."""
        with _named(path):
            return self._at(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """See Store. Written beside its target and renamed; nothing is left of a write that fails."""
        with _named(path):
            target = self._at(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(data)
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def exists(self, path: str) -> bool:
        """See Store."""
        with _named(path):
            return self._at(path).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        folder = self._at(prefix)
        found = (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
        yield from sorted(each.relative_to(self._root).as_posix() for each in found if not each.name.startswith(".writing-"))

    def delete(self, path: str) -> None:
        """See Store."""
        with _named(path):
            self._at(path).unlink()

    def _at(self, path: str) -> Path:
        target = self._root / check_path(path)
        if not target.parent.resolve().is_relative_to(self._root) or target.is_symlink():
            raise StoreError(f"{path!r} leads out of the store by a link", code="F102", hint="use a path without links")
        return target


class MemoryStore:
    """A store that lasts as long as the process; for tests."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        """See Store."""
        if check_path(path) not in self._objects:
            raise _absent(path)
        return self._objects[path]

    def write(self, path: str, data: bytes) -> None:
        """See Store."""
        self._objects[check_path(path)] = data

    def exists(self, path: str) -> bool:
        """See Store."""
        return check_path(path) in self._objects

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        folder = check_path(prefix) + "/"
        yield from sorted(path for path in self._objects if path.startswith(folder))

    def delete(self, path: str) -> None:
        """See Store."""
        if self._objects.pop(check_path(path), None) is None:
            raise _absent(path)


def open_store(root: str) -> Store:
    """The store at a folder.

    Raises:
        StoreError: F110, the kind of store is not in this version.
    """
    if "://" in root:
        raise StoreError(f"{root} cannot be opened: this version keeps runs in a folder", code="F110", hint="name a folder")
    return LocalStore(root)


def open_input(path: str) -> BinaryIO:
    """A file of the user's, absolute or from the working folder, opened for reading.

    Raises:
        StoreError: F101 not there, F102 no path, F103 not permitted, F104 a folder, F105 otherwise.
    """
    with _named(path):
        return Path(path).open("rb")


def checksum(path: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal. Raises as open_input does."""
    with _named(path), Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Tells the system's errors as a StoreError with the path as the caller wrote it."""
    try:
        yield
    except OSError as problem:
        raise _error(path, problem) from problem
    except ValueError as problem:
        raise StoreError(f"{path!r} is no path: {problem}", code="F102", hint="check the path") from problem


def _absent(path: str) -> StoreError:
    return StoreError(f"{path} is not there", code="F101", hint="check the path and the working folder")


def _error(path: str, problem: OSError) -> StoreError:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        return _absent(path)
    if isinstance(problem, PermissionError):
        return StoreError(f"{path} may not be opened", code="F103", hint="check its owner and mode")
    if isinstance(problem, IsADirectoryError):
        return StoreError(f"{path} is a folder", code="F104", hint="name a file")
    return StoreError(f"{path}: {problem.strerror or problem}", code="F105", hint="check the disk")
