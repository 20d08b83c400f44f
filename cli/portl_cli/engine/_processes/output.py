"""What functions print."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def to_stderr(line: str) -> None:
    """Writes a line to standard error: a command's standard output is for its own answer."""
    sys.stderr.write(line + "\n")


class Output:
    """A pipe for the standard output and error of processes, read line by line; ``file`` is its end for them."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        reading, self.file = os.pipe()
        self._on_line = on_line
        self._thread = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Comes back when all that was printed is read; who still holds the other end is not waited for long."""
        os.close(self.file)
        self._thread.join(1)

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self._on_line(line.rstrip("\n"))
