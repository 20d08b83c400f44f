"""What the services of objects share: reads by obstore, and what its errors mean.

https://developmentseed.org/obstore/latest/
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from portl.errors import (
    AlreadyExists,
    Changed,
    ConfigError,
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreThrottled,
    StoreTimeout,
    Unavailable,
)
from portl.stores._entries import Entry, How, Span
from portl.stores._paths import ExactKey, wrong

PART_BYTES = 16 * 1024 * 1024
STREAM_BYTES = 1024 * 1024
STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_KIND = re.compile(r"kind: (\w+)")
_ELSEWHERE = "redirect without LOCATION"
"""What obstore makes of a 301, with which S3 answers whoever asks in another region than the bucket's."""


class Codes(NamedTuple):
    """What a service's own error codes mean, where its status is not enough."""

    throttled: frozenset[str]
    gone: frozenset[str]
    refused: frozenset[str]

    def meaning(self, code: str, status: str, problem: Exception) -> type[StoreError]:
        """The error of the house for a code and a status; both empty: nothing was answered."""
        if code in self.throttled or status == "429":
            return StoreThrottled
        if code in self.gone or status == "301":
            return ConfigError
        if code in self.refused or status in ("401", "403"):
            return PermissionDenied
        if status.startswith("5") or status in ("408", "409"):
            return Unavailable
        if status:
            return StoreError
        return StoreTimeout if found(_KIND, problem) == "Timeout" or "Timeout" in str(problem) else Unavailable

    def of_obstore(self, problem: Exception) -> type[StoreError]:
        """The error of the house for one of obstore's."""
        code = found(_CODE, problem)
        if isinstance(problem, FileNotFoundError):
            return ConfigError if code in self.gone else NotFound
        if code in self.refused:  # obstore takes any 409 for AlreadyExists
            return PermissionDenied
        if _ELSEWHERE in str(problem):
            return ConfigError
        named = {
            "AlreadyExistsError": AlreadyExists,
            "PreconditionError": Changed,
            "NotModifiedError": Changed,
            "PermissionDeniedError": PermissionDenied,
            "UnauthenticatedError": PermissionDenied,
            "UnknownConfigurationKeyError": ConfigError,
        }
        name = type(problem).__name__
        return named[name] if name in named else self.meaning(code, found(STATUS, problem), problem)


class ObjectDriver(ABC):
    """One bucket, below a prefix. A key that is no path is nothing for obstore; the service's driver knows another way."""

    part_bytes = PART_BYTES
    hashes: tuple[str, ...] = ()

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    @cached_property
    def _store(self) -> Any:
        return self._opened()

    @abstractmethod
    def _opened(self) -> Any:
        """Obstore's store of the whole bucket."""

    @abstractmethod
    def _head_exact(self, key: str, version: str | None) -> Entry: ...

    @abstractmethod
    def _get_exact(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]: ...

    def head(self, key: str, version: str | None) -> Entry:
        """See Driver."""
        if isinstance(key, ExactKey):
            return self._head_exact(key, version)
        import obstore

        options: Any = {"head": True, **_wanted(Span(version=version))}
        return _entry(key, obstore.get(self._store, self._prefix + key, options=options))

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        """See Driver."""
        if isinstance(key, ExactKey):
            return self._get_exact(key, span)
        import obstore

        options: Any = _wanted(span)
        try:
            answer = obstore.get(self._store, self._prefix + key, options=options)
        except obstore.exceptions.GenericError as problem:
            if found(STATUS, problem) != "416" and "StartTooLarge" not in str(problem):
                raise
            return self.head(key, span.version), iter(())
        return _entry(key, answer), (bytes(part) for part in answer.stream(min_chunk_size=STREAM_BYTES))

    def rename(self, source: str, target: str, how: How) -> bool:  # noqa: ARG002 - see Driver
        """See Driver: there is no such step."""
        return False

    def sign(self, key: str, method: str, until: datetime) -> str:
        """See Driver."""
        if method not in ("GET", "PUT", "HEAD", "DELETE"):
            raise NotSupported(f"{method} cannot be signed", capability="sign", hint="GET, PUT, HEAD or DELETE")
        return self._signed(self._prefix + key, method, until)

    def _signed(self, key: str, method: str, until: datetime) -> str:
        import obstore

        return obstore.sign(self._store, method, key, until - datetime.now(UTC))  # type: ignore[call-overload,no-any-return]

    def _own(self, key: str) -> str:
        own = key[len(self._prefix) :]
        return ExactKey(own) if wrong(own) else own


def bounds(span: Span) -> str:
    """The span as a Range of HTTP (RFC 9110, 14.1.2); empty: all of it."""
    if not span.start and span.end is None:
        return ""
    return f"bytes={span.start}-{'' if span.end is None else span.end - 1}"


def found(pattern: re.Pattern[str], problem: Exception) -> str:
    """What a pattern finds in an error's text."""
    match = pattern.search(str(problem))
    return match[1] if match else ""


def _wanted(span: Span) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if span.end is not None:
        wanted["range"] = (span.start, span.end)
    elif span.start:
        wanted["range"] = {"offset": span.start}
    if span.etag:
        wanted["if_match"] = span.etag
    if span.version:
        wanted["version"] = span.version
    return wanted


def _entry(key: str, answer: Any) -> Entry:
    attributes = {str(name): str(value) for name, value in dict(answer.attributes).items()}
    content_type = attributes.pop("Content-Type", None)
    meta = meta_entry(key, answer.meta)
    kept = {name: value for name, value in attributes.items() if not name[:1].isupper()}
    return Entry(key, "file", meta.size, meta.modified, meta.etag, meta.version, None, content_type, kept)


def meta_entry(key: str, meta: Any) -> Entry:
    """What obstore tells of an object."""
    return Entry(key, size=meta["size"], modified=meta["last_modified"], etag=quoted(meta["e_tag"]), version=meta["version"])


def quoted(etag: str | None) -> str | None:
    """An ETag as a header has it (RFC 9110, 8.8.3); lists of Azure leave the quotes out."""
    return f'"{etag}"' if etag and not etag.endswith('"') else etag
