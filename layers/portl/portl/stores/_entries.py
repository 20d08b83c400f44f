"""What a store says of what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

Capability = Literal[
    "create",
    "replace",
    "if_match",
    "versions",
    "metadata",
    "server_copy",
    "sign",
    "folders",
    "exact_keys",
    "checksum",
]
"""What not every store can do.

``create``: a write without ``overwrite`` has one winner; ``replace``: one with it is a single step; ``if_match``: a write on
condition of an ETag; ``versions``: old ones can be read; ``metadata``: content type and metadata are kept; ``server_copy``: a
copy does not pass through this machine; ``sign``: addresses that need no credentials; ``folders``: there are folders without
files; ``exact_keys``: keys that are no paths; ``checksum``: the store itself tells a hash of the whole content.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a folder, of a store.

    ``size`` in bytes (0: a folder), ``modified`` in UTC, ``checksum`` as ``algorithm:hexadecimal``, of the whole content only.
    """

    path: str
    kind: Literal["file", "folder"] = "file"
    size: int = 0
    modified: datetime | None = None
    etag: str | None = None
    version: str | None = None
    checksum: str | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Written:
    """What a write has left: ``size`` in bytes, ``checksum`` as ``algorithm:hexadecimal``.

    It is the SHA-256 of what was sent; of a copy on the server what the server says, None when it says nothing.
    """

    path: str
    size: int
    checksum: str | None
    etag: str | None = None
    version: str | None = None


class Span(NamedTuple):
    """Which bytes of a file: from ``start`` up to ``end`` (None: all), and of which content, where that is told."""

    start: int = 0
    end: int | None = None
    etag: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class How:
    """On what condition a file is put, and what is kept beside it."""

    overwrite: bool = False
    if_match: str | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> Iterator[Capability]:
        """What a store must be able to do for it."""
        yield "replace" if self.overwrite else "create"
        if self.if_match is not None:
            yield "if_match"
        if self.content_type or self.metadata:
            yield "metadata"
