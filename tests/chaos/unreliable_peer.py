"""A peer that refuses some calls and never answers some: ``python unreliable_peer.py FILE SEED`` serves like the embedded one.

A call that is never answered was received: it stands in the record, with status 0.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from portl_cli.embedded import Peer
from portl_cli.embedded._peer_script import Script
from portl_cli.embedded._peer_server import _Handler, _Server

REFUSED, NEVER = 0.10, 0.01
"""The shares of calls that are answered 503, and that are not answered at all."""


class _Unreliable(_Server):
    def __init__(self, file: Path, seed: int) -> None:
        super().__init__(file, [])
        self.RequestHandlerClass = _Silent
        self._chance = random.Random(seed)  # noqa: S311 - draws, not secrets
        self._moods = threading.Lock()

    def take(self, call: dict[str, Any]) -> tuple[int, Script | None]:
        """Draws what becomes of the call, and records it."""
        with self._moods:
            mood = self._chance.random()
            self.script(Script(status=0 if mood < NEVER else 503, times=1 if mood < NEVER + REFUSED else 0))
            return super().take(call)


class _Silent(_Handler):
    def _answer(self, status: int, document: dict[str, Any], retry_after: float | None = None) -> None:
        if status:
            return super()._answer(status, document, retry_after)
        self.close_connection = True
        self.rfile.read(1)  # until the caller goes
        return None


def start_unreliable_peer(file: Path, seed: int) -> Peer:
    command = [sys.executable, __file__, str(file), str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    return Peer(process, f"http://127.0.0.1:{int(json.loads(process.stdout.readline()))}", file)


if __name__ == "__main__":
    with _Unreliable(Path(sys.argv[1]), int(sys.argv[2])) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)  # noqa: T201 - who started it reads the port
        sys.stdin.read()
