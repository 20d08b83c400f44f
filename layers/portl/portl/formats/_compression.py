"""Compression of a stream, the same bytes for the same content: no time and no name stand in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from portl.stores._zstd import zstd_compressor

Compression = Literal["none", "gzip", "zstd"]
GZIP = 16 + zlib.MAX_WBITS
COMPRESSIONS: dict[str, str] = {"gzip": "application/gzip", "zstd": "application/zstd"}
"""The media type of what is compressed (RFC 6713, RFC 8878)."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def compressed(parts: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The parts, compressed as they come.

    Raises:
        SetupError: V141, zstd cannot be written here.
    """
    if compression == "none":
        yield from parts
        return
    machine: _Compressor = zlib.compressobj(wbits=GZIP) if compression == "gzip" else zstd_compressor()
    for part in parts:
        made = machine.compress(part)
        if made:
            yield made
    yield machine.flush()
