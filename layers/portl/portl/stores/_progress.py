"""How far a file is on its way, told at most once a second and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """``bytes`` of ``total`` (None: not known) of one file, after ``elapsed`` seconds; ``files`` that are through."""

    op: str
    path: str
    bytes: int
    total: int | None
    files: int
    elapsed: float


OnProgress = Callable[[Progress], None]


class Told:
    """Counts the bytes of one file and tells."""

    def __init__(self, op: str, path: str, total: int | None, listener: OnProgress | None) -> None:
        self._op, self._path, self._total, self._listener = op, path, total, listener
        self._began = time.monotonic()
        self._next = self._began + EVERY_S
        self._bytes = 0

    def more(self, count: int) -> None:
        """So many bytes more are through."""
        self._bytes += count
        if self._listener is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            self._tell(0)

    def end(self) -> None:
        """The file is through."""
        if self._listener is not None:
            self._tell(1)

    def _tell(self, files: int) -> None:
        if self._listener is not None:
            elapsed = time.monotonic() - self._began
            self._listener(Progress(self._op, self._path, self._bytes, self._total, files, elapsed))
