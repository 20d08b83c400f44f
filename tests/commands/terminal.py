"""A terminal for tests: Portl runs in a pseudo-terminal of its own, is typed to, and is read as a user reads it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_START = """
import fcntl, signal, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal is the child's own, so that Ctrl-C reaches it
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test's parent may ignore it, a shell's children do not
from portl_cli.main import main
main()
"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PATIENCE_S = 30
AGAIN_S = 5


class Terminal:
    """One session. ``seen`` is everything that stood on the screen so far, without colours; ``raw`` has them."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in ("PG_URL", "API_URL", "NO_COLOR", "COLUMNS")}
        environment = {**kept, "TERM": "xterm-256color", **variables}
        command = [sys.executable, "-c", _START, *arguments]
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.raw = ""
        self._read_to = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    @property
    def seen(self) -> str:
        return _COLOUR.sub("", self.raw).replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Reads until a text stands behind what was waited for before."""
        ends = time.monotonic() + PATIENCE_S
        while (at := self.seen.find(text, self._read_to)) < 0:
            assert time.monotonic() < ends, f"{text!r} never came; seen:\n{self.seen}"
            assert self._take(), f"{text!r} never came; it ended with:\n{self.seen}"
        self._read_to = at + len(text)

    def answer(self, question: str, text: str) -> None:
        """Waits for a question, then types a line."""
        self.wait_for(question)
        self.type(f"{text}\n")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> int:
        """Presses Ctrl-C until Portl ends, and answers the exit code.

        Python misses a signal that comes just before it waits for a line; a person is slower, and would press again.
        """
        ends = time.monotonic() + PATIENCE_S
        while self._process.poll() is None:
            assert time.monotonic() < ends, f"it never ended; seen:\n{self.seen}"
            self.type("\x03")
            again = time.monotonic() + AGAIN_S
            while self._process.poll() is None and time.monotonic() < again:
                self._take()
        return self.ended()

    def ended(self) -> int:
        """Reads to the end and answers the exit code."""
        ends = time.monotonic() + PATIENCE_S
        while self._take():
            assert time.monotonic() < ends, f"it never ended; seen:\n{self.seen}"
        return self._process.wait(timeout=PATIENCE_S)

    def _take(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 1)
        if not ready:
            return self._process.poll() is None
        try:
            part = os.read(self._master, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.raw += part.decode("utf-8", "replace")
        return bool(part)
