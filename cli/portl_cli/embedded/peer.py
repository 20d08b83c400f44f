"""A peer on loopback for the APIs of a job: takes every call, and keeps a record of it.

It is a process of its own and ends with the one that started it. ``POST /_script`` with
``{"status": 503, "every": 3, "times": 2, "retry_after": 5}`` makes it refuse every third of the calls that follow, twice.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from portl.errors import SetupError


class Peer:
    """A running peer. ``file`` holds a line of JSON for every call: n, ts, method, path, headers, body, status.

    Names of headers are lower case; ``body`` is the parsed JSON, or the text, or null; ``status`` is what was answered.
    """

    def __init__(self, process: subprocess.Popen[str], url: str, file: Path) -> None:
        self._process = process
        self.url = url
        self.file = file

    def calls(self) -> list[dict[str, Any]]:
        """Every call received so far, in order; a call is here before its answer is sent."""
        if not self.file.exists():
            return []
        whole, _, _ = self.file.read_bytes().rpartition(b"\n")  # what follows is still being written
        return [json.loads(line) for line in whole.splitlines()]

    def close(self) -> None:
        """Ends the peer; its file stays."""
        self._process.terminate()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_peer(file: Path, hidden: Iterable[str] = ()) -> Peer:
    """Starts a peer that keeps its record in ``file``, after what is already in it; the ``hidden`` values are masked there.

    Raises:
        SetupError: V112, it does not start, for one because ``file`` cannot be written.
    """
    command = [sys.executable, "-P", "-m", "portl_cli.embedded._peer_server", str(file.resolve())]
    process = subprocess.Popen(  # noqa: S603 - our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    if process.stdin:
        process.stdin.write(json.dumps(list(hidden)) + "\n")
        process.stdin.flush()
    port = (process.stdout.readline() if process.stdout else "").strip()
    peer = Peer(process, f"http://127.0.0.1:{port}", file)
    if not port:
        peer.close()
        raise SetupError("the peer for HTTP APIs does not start", code="V112", hint=f"see whether {file} can be written")
    return peer
