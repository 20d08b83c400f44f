"""Holds the embedded PostgreSQL and stops it when its last user is gone: ``python -m … BASE BINARIES PORT``."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from portl_cli.embedded.postgres import STATE, as_nobody

LOOK_EVERY_S = 0.3
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "64",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def main() -> None:
    """Runs until nobody holds ``users.lock``, or the server ends by itself."""
    base, binaries, port = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(base / "data"), "-p", port, *settings]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **as_nobody())  # noqa: S603 - found by us
    users = os.open(base / "users.lock", os.O_RDWR)
    while server.poll() is None:
        time.sleep(LOOK_EVERY_S)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        (base / STATE).unlink(missing_ok=True)
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


if __name__ == "__main__":
    main()
