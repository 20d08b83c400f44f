"""The embedded PostgreSQL of a project: one server for all its runs, started by the first, stopped after the last.

A run holds a shared lock on ``users.lock``; the supervisor stops the server once it gets that lock for itself, which it also
does when a run was killed. The server keeps nothing safe from a power cut (``fsync`` is off): it is for trying things out.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from portl.errors import SetupError
from portl_cli.embedded._binaries import find_binaries, open_to_others, reachable

START_S = 60.0
STATE = "server.json"


class EmbeddedPostgres:
    """A user of the server; ``url`` is good until ``close``."""

    def __init__(self, url: str, log: Path, users: int) -> None:
        self.url = url
        self.log = log
        self._users = users

    def close(self) -> None:
        """Lets go of the server; it stops when nobody else holds it."""
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_postgres(project: Path) -> EmbeddedPostgres:
    """The project's server, started when it is not running.

    Raises:
        SetupError: V110 there is no PostgreSQL, V111 it does not start.
    """
    project.mkdir(parents=True, exist_ok=True)
    base = _base(project)
    base.mkdir(parents=True, exist_ok=True)
    users = os.open(base / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_SH)
    try:
        with _alone(base / "start.lock"):
            state = _alive(base) or _start(base)
    except BaseException:
        os.close(users)
        raise
    return EmbeddedPostgres(state["url"], base / "server.log", users)


def _base(project: Path) -> Path:
    """``.portl/postgres`` of the project; under the temporary folder when another user must enter it and cannot."""
    folder = project.resolve() / ".portl" / "postgres"
    if os.geteuid() != 0 or open_to_others(project.resolve()):
        return folder
    name = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"portl-{project.resolve().name}-{name}"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _alive(base: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((base / STATE).read_text("utf-8"))
        with socket.create_connection(("127.0.0.1", int(state["port"])), 1):
            return state
    except (OSError, ValueError, KeyError):
        return None


def _start(base: Path) -> dict[str, Any]:
    binaries = find_binaries()
    if os.geteuid() == 0:
        binaries = reachable(binaries, base)
    password = _cluster(base, binaries)
    port = _free_port()
    state = {"port": port, "url": f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"}
    (base / STATE).unlink(missing_ok=True)
    handle = os.open(base / STATE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        json.dump(state, stream)
    command = [sys.executable, "-m", "portl_cli.embedded._supervisor", str(base), str(binaries), str(port)]
    with (base / "server.log").open("ab") as log:
        nothing = subprocess.DEVNULL
        supervisor = subprocess.Popen(command, stdin=nothing, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and supervisor.poll() is None:
        if _ready(port):
            supervisor.returncode = 0  # it outlives this process: nobody waits for it
            return state
        time.sleep(0.05)
    raise SetupError("the embedded PostgreSQL does not start", code="V111", hint=f"read {base / 'server.log'}")


def _ready(port: int) -> bool:
    """Whether the server takes a start-up message: it answers 'N' to a request for TLS once it serves."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as probe:
            probe.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
            return probe.recv(1) in (b"N", b"S")
    except OSError:
        return False


def _cluster(base: Path, binaries: Path) -> str:
    """Makes the data folder once and answers the password of ``postgres``."""
    kept = base / "password"
    if (base / "data" / "PG_VERSION").exists() and kept.exists():
        return kept.read_text("utf-8")
    password = secrets.token_urlsafe(18)
    kept.write_text(password, "utf-8")
    kept.chmod(0o600)
    _give(kept)
    (base / "data").mkdir(exist_ok=True)
    _give(base / "data")
    command = [str(binaries / "initdb"), "-D", str(base / "data"), "-U", "postgres", f"--pwfile={kept}", "-A", "scram-sha-256"]
    command += ["-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **as_nobody())  # noqa: S603 - found by us
    if done.returncode != 0:
        raise SetupError(f"initdb failed: {done.stderr.strip()[-500:]}", code="V111", hint="set PORTL_PG_BIN to another server")
    return password


def as_nobody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as ``nobody``."""
    common = {"cwd": "/", "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}}
    if os.geteuid() != 0:
        return common
    nobody = pwd.getpwnam("nobody")
    return {**common, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
