"""What every store promises, and the words in which all of them fail."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

from portl.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]|^[A-Za-z]:")


class Store(Protocol):
    """A place for objects under relative paths with ``/``.

    Every call raises StoreError: F101 not there, F102 no path of a store (before anything is touched), F103 not
    permitted, F104 a folder, F105 the disk or the path does not allow it.
    """

    def read(self, path: str) -> bytes:
        """The whole content."""
        ...

    def open(self, path: str) -> BinaryIO:
        """The content as a stream, to be closed by the caller; it stays what it was when a write follows."""
        ...

    def write(self, path: str, data: bytes | Iterable[bytes], *, overwrite: bool = True, durable: bool = False) -> int:
        """Puts the content and answers its size in bytes. Readers see the old content or the new, never a part.

        Args:
            path: where.
            data: the content, or its parts in order; when they fail, their error comes through and nothing has changed.
            overwrite: without it, what is there stays and the write raises F106; of several writers exactly one wins.
            durable: whether it must outlast a power cut once this returns.
        """
        ...

    def exists(self, path: str) -> bool:
        """Whether there is content under the path."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The paths below a folder, in order."""
        ...

    def delete(self, path: str) -> None:
        """Removes what is there."""
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


@contextmanager
def named(path: str) -> Iterator[None]:
    """Tells the system's errors as a StoreError with the path as the caller wrote it."""
    try:
        yield
    except OSError as problem:
        raise _error(path, problem) from problem
    except ValueError as problem:
        raise StoreError(f"{path!r} is no path: {problem}", code="F102", hint="check the path") from problem


def absent(path: str) -> StoreError:
    """F101."""
    return StoreError(f"{path} is not there", code="F101", hint="check the path and the working folder")


def is_folder(path: str) -> StoreError:
    """F104."""
    return StoreError(f"{path} is a folder", code="F104", hint="name a file")


def below_file(path: str) -> StoreError:
    """F105 for a write below what is no folder."""
    return StoreError(f"{path}: a part of the path is a file", code="F105", hint="choose another path")


def taken(path: str) -> StoreError:
    """F106."""
    return StoreError(f"{path} is already there", code="F106", hint="choose another path, or allow it to be overwritten")


def _error(path: str, problem: OSError) -> StoreError:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        return absent(path)
    if isinstance(problem, PermissionError):
        return StoreError(f"{path} may not be opened", code="F103", hint="check its owner and mode")
    if isinstance(problem, IsADirectoryError):
        return is_folder(path)
    return StoreError(f"{path}: {problem.strerror or problem}", code="F105", hint="check the disk")
