"""A peer on loopback for the APIs of a job: takes every call, and keeps a record of it.

It is a process of its own and ends with the one that started it. ``POST /_script`` with
``{"status": 503, "every": 3, "times": 2, "retry_after": 5}`` makes it refuse some of the calls that follow.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Peer:
    """A running peer. ``file`` holds a line of JSON for every call: n, ts, method, path, headers, body, status."""

    def __init__(self, process: subprocess.Popen[str], url: str, file: Path) -> None:
        self._process = process
        self.url = url
        self.file = file

    def calls(self) -> list[dict[str, Any]]:
        """Every call received so far, in order."""
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text("utf-8").splitlines()]

    def close(self) -> None:
        """Ends the peer."""
        self._process.terminate()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_peer(file: Path) -> Peer:
    """Starts a peer that keeps its record in ``file``."""
    command = [sys.executable, "-m", "portl_cli.embedded._peer_server", str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 - our own
    port = (process.stdout.readline() if process.stdout else "").strip()
    return Peer(process, f"http://127.0.0.1:{port}", file)
