"""A PostgreSQL that can be killed and comes back at the same address with what was committed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from conftest import connect
from portl_cli.embedded import start_postgres
from portl_cli.embedded._binaries import find_binaries, reachable
from portl_cli.embedded._folders import as_nobody

BACK_WITHIN_S = 120
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # the machine lives on: what was written is in its cache
    "synchronous_commit": "on",  # but what was only in the server's memory would be lost
    "timezone": "UTC",
}


class KillableServer:
    """``url`` is good as long as the server runs, and again after it was killed and started."""

    def __init__(self, root: Path) -> None:
        with start_postgres(root) as maker:  # makes the data folder
            self._base = maker.log.parent
            made = urlsplit(maker.url)
        with (self._base / "supervisor.lock").open("rb") as ended:
            fcntl.flock(ended, fcntl.LOCK_EX)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = made._replace(netloc=f"{made.username}:{made.password}@127.0.0.1:{port}").geturl()
        binaries = reachable(find_binaries()) if os.geteuid() == 0 else find_binaries()
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._command = [str(binaries / "postgres"), "-D", str(self._base / "data"), "-p", str(port), *settings]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
        shutil.rmtree(self._base)

    def start(self) -> None:
        """Comes back when the server answers. Until the last process of a killed one is gone, it does not start."""
        ends = time.monotonic() + BACK_WITHIN_S
        while True:
            with (self._base / "server.log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **as_nobody()
                )
            while self._process.poll() is None:
                if self._answers():
                    return
                assert time.monotonic() < ends
                time.sleep(0.05)
            assert time.monotonic() < ends
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL for the postmaster: nothing is shut down, its backends end when they notice."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            connect(self.url).close()
        except Exception:  # noqa: BLE001 - whatever it says, it is not up yet
            return False
        return True
