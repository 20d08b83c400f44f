"""Compression of a stream, the same bytes for the same content: no time and no name stand in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Literal, Protocol

from portl.errors import SetupError

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
    machine: _Compressor = zlib.compressobj(wbits=GZIP) if compression == "gzip" else _zstd().ZstdCompressor()
    for part in parts:
        made = machine.compress(part)
        if made:
            yield made
    yield machine.flush()


def _zstd() -> Any:
    """Python's own library where it has it (3.14, PEP 784), else its backport."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    hint = "pip install backports.zstd; on AWS it is part of the layer of stores (layers/files)"
    raise SetupError("zstd cannot be written: Python before 3.14 needs the package backports.zstd", code="V141", hint=hint)
