"""Holds the embedded PostgreSQL and stops it when its last user is gone.

``python -m portl_cli.embedded._supervisor BASE BINARIES`` goes into the background and returns once the server answers:
0 when it does, 1 when it does not. A server that outlived this process would have nobody to stop it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from portl_cli.embedded._folders import as_nobody, write_private

STATE = "server.json"
SUPERVISOR_LOCK = "supervisor.lock"
USERS_LOCK = "users.lock"
PASSWORD = "password"  # noqa: S105 - the name of a file
LOOK_EVERY_S = 0.3
STOP_S = 30.0
PR_SET_PDEATHSIG = 1
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
    """Leaves a supervisor behind."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        sys.exit(0 if os.read(reader, 1) else 1)
    os.close(reader)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _supervise(Path(sys.argv[1]), Path(sys.argv[2]), writer)


def _supervise(base: Path, binaries: Path, tell: int) -> None:
    alive = os.open(base / SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    users = os.open(base / USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    port = _free_port()
    server = _postgres(base, binaries, port)
    try:
        while not _ready(server, base):
            if server.poll() is not None or _unused(users):
                return
            time.sleep(0.01)
        password = (base / PASSWORD).read_text("utf-8")
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        write_private(base / STATE, json.dumps({"port": port, "url": url}))
        os.write(tell, b"!")
        os.close(tell)
        while server.poll() is None and not _unused(users):
            time.sleep(LOOK_EVERY_S)
    finally:
        _stop(server, base)
        os.close(alive)  # before users.lock, whatever order a process's end would let go of them in


def _postgres(base: Path, binaries: Path, port: int) -> subprocess.Popen[bytes]:
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(base / "data"), "-p", str(port), *settings]
    # One thread and no lock is held here, so preexec_fn is safe.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_end_with_parent, **as_nobody())  # noqa: S603, PLW1509


def _end_with_parent() -> None:
    """Linux stops the server, fast mode, should this supervisor be killed: prctl(2). Elsewhere there is no such call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)


def _ready(server: subprocess.Popen[bytes], base: Path) -> bool:
    """Reads ``postmaster.pid`` as pg_ctl does: line 1 the process, line 8 its status (PostgreSQL's pidfile.h)."""
    try:
        lines = (base / "data" / "postmaster.pid").read_text("utf-8").splitlines()
    except OSError:
        return False
    return lines[:1] == [str(server.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]


def _unused(users: int) -> bool:
    """Whether nobody holds the lock; from then on we do, so that the next user waits until the server is gone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(server: subprocess.Popen[bytes], base: Path) -> None:
    (base / STATE).unlink(missing_ok=True)
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(how)
        try:
            server.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            continue
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
