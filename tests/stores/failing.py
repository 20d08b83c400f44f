"""A driver whose n-th call fails: before it is made, after it was made, or with a byte of its content changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from portl.errors import Unavailable

How = Literal["before", "after"]
COUNTED = frozenset({"head", "get", "put", "begin", "list", "delete", "copy", "rename", "part", "commit", "read"})


class FailingDriver:
    """``at`` counts the calls from 1; 0: none fails. ``made`` are those there were."""

    def __init__(self, driver: Any, at: int = 0, how: How = "before") -> None:
        self.driver, self.at, self.how = driver, at, how
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.driver, name)
        return self._counted(name, found) if name in COUNTED else found

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            self.made.append(name)
            fails = len(self.made) == self.at
            if fails and self.how == "before":
                raise Unavailable("")
            answer = call(*given, **named)
            if fails:
                if name == "get":
                    _closed(answer[1])
                raise Unavailable("")
            if name == "begin":
                return _FailingUpload(answer, self)
            if name == "get":
                return answer[0], self._read(answer[1])
            return answer

        return counted

    def _read(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        try:
            for part in parts:
                self.made.append("read")
                if len(self.made) == self.at:
                    raise Unavailable("")
                yield part
        finally:
            _closed(parts)


def _closed(parts: Iterator[bytes]) -> None:
    """A stream that broke lets go of what it held, so that a driver over plain files leaves none open."""
    if hasattr(parts, "close"):
        parts.close()


class _FailingUpload:
    def __init__(self, upload: Any, driver: FailingDriver) -> None:
        self._upload, self._driver = upload, driver

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._upload, name)
        return self._driver._counted(name, found) if name in COUNTED else found


class FlippingDriver:
    """One that keeps what it is given with a byte changed, and says nothing of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    hashes: tuple[str, ...] = ()

    def put(self, key: str, data: bytes, how: Any) -> Any:
        return self.driver.put(key, _flipped(data), how)

    def begin(self, key: str, how: Any) -> Any:
        return _FlippingUpload(self.driver.begin(key, how))


class _FlippingUpload:
    def __init__(self, upload: Any) -> None:
        self._upload = upload

    def __getattr__(self, name: str) -> Any:
        return getattr(self._upload, name)

    def part(self, data: bytes) -> None:
        self._upload.part(_flipped(data))


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else data
