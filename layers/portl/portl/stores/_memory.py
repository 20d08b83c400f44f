from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, BinaryIO

from portl.stores._base import absent, below_file, check_path, is_folder, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class MemoryStore:
    """A store that lasts as long as the process; for tests."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes:
        """See Store."""
        with self._lock:
            return self._found(check_path(path))

    def open(self, path: str) -> BinaryIO:
        """See Store."""
        return io.BytesIO(self.read(path))

    def write(self, path: str, data: bytes | Iterable[bytes], *, overwrite: bool = True, durable: bool = False) -> int:  # noqa: ARG002
        """See Store; ``durable`` has no meaning here."""
        check_path(path)
        content = bytes(data) if isinstance(data, bytes) else b"".join(data)
        with self._lock:
            if self._is_folder(path):
                raise is_folder(path)
            if any(path[:at] in self._objects for at, each in enumerate(path) if each == "/"):
                raise below_file(path)
            if not overwrite and path in self._objects:
                raise taken(path)
            self._objects[path] = content
        return len(content)

    def exists(self, path: str) -> bool:
        """See Store."""
        return check_path(path) in self._objects

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        folder = check_path(prefix) + "/"
        with self._lock:
            found = sorted(path for path in self._objects if path.startswith(folder))
        yield from found

    def delete(self, path: str) -> None:
        """See Store."""
        with self._lock:
            self._found(check_path(path))
            del self._objects[path]

    def _found(self, path: str) -> bytes:
        if path in self._objects:
            return self._objects[path]
        raise is_folder(path) if self._is_folder(path) else absent(path)

    def _is_folder(self, path: str) -> bool:
        return any(each.startswith(path + "/") for each in self._objects)
