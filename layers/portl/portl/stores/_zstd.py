"""Zstandard: from Python's own library where it has it (3.14, PEP 784), else from its backport, and loaded only when needed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from portl.errors import SetupError


@cache
def _library() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    hint = "pip install backports.zstd; on AWS it is part of the layer of stores (layers/files)"
    raise SetupError("zstd cannot be used: Python before 3.14 needs the package backports.zstd", code="V141", hint=hint)


class Zstd:
    """A frame that is being read. A window over 128 MiB, which the tool refuses too, is damage."""

    def __init__(self) -> None:
        self._z = _library().ZstdDecompressor()

    @property
    def eof(self) -> bool:
        """Whether the frame has ended."""
        return bool(self._z.eof)

    @property
    def hungry(self) -> bool:
        """Whether nothing more comes out before something goes in."""
        return bool(self._z.needs_input)

    @property
    def rest(self) -> bytes:
        """What was fed beyond the frame's end."""
        return bytes(self._z.unused_data)

    def feed(self, data: bytes, most: int) -> bytes:
        """What comes out, at most so many bytes."""
        return bytes(self._z.decompress(data, most))


def damage() -> tuple[type[BaseException], ...]:
    """What the library raises when a frame is broken."""
    return (_library().ZstdError, EOFError)


def zstd_compressor() -> Any:
    """What makes one frame of what it is given: ``compress(data)``, then ``flush()``. Raises SetupError, V141."""
    return _library().ZstdCompressor()
