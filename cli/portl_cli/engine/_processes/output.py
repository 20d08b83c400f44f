"""What functions print."""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import ReadableBuffer as Buffer


def to_stderr(line: str) -> None:
    """Writes a line to standard error: a command's standard output is for its own answer."""
    sys.stderr.write(line + "\n")


class Output:
    """A pipe for the standard output and error of processes; ``file`` is its end for them.

    It is read line by line from ``start`` on: what must be done while this process has no thread is done before.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        reading, self.file = os.pipe()
        self._on_line = on_line
        self._thread = threading.Thread(target=self._read, args=(reading,), daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def close(self) -> None:
        """Comes back when all that was printed is read; who still holds the other end is not waited for long."""
        os.close(self.file)
        self._thread.join(1)

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self._on_line(line.rstrip("\n"))


class Printed:
    """What this process prints while functions run in it, line by line. Processes that they start print past it."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._lines = _Lines(self._tell)
        raw = cast("BinaryIO", self._lines)  # typeshed asks for a name, which TextIOWrapper does not
        self._stream = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", write_through=True)
        self._on_line = on_line
        self._lock = threading.RLock()
        self._depth = 0
        self._own = (sys.stdout, sys.stderr)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes standard output and error; functions that functions call are within the first one's."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._own = (sys.stdout, sys.stderr)
                sys.stdout = sys.stderr = self._stream
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    sys.stdout, sys.stderr = self._own
                    self._lines.end()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Gives standard output and error back for what the host's user does meanwhile."""
        with self._lock:
            before = (sys.stdout, sys.stderr)
            sys.stdout, sys.stderr = self._own
            try:
                yield
            finally:
                sys.stdout, sys.stderr = before

    def _tell(self, line: str) -> None:
        with self.left():
            self._on_line(line)


class _Lines(io.RawIOBase):
    """Cuts bytes into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        given = bytes(data)
        *lines, self._rest = (self._rest + given).split(b"\n")
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))
        return len(given)

    def end(self) -> None:
        """Tells the last line, which has no end."""
        rest, self._rest = self._rest, b""
        if rest:
            self._on_line(rest.decode("utf-8", "replace"))
