"""The embedded PostgreSQL of a project: one server for all its runs, started by the first, stopped after the last.

A run holds a shared lock on ``users.lock``; the supervisor stops the server once it gets that lock for itself, which it also
does when a run was killed. The server keeps nothing safe from a power cut (``fsync`` is off): it is for trying things out.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from portl.errors import SetupError
from portl_cli.embedded._binaries import find_binaries, reachable
from portl_cli.embedded._folders import as_nobody, base_folder, give, write_private
from portl_cli.embedded._supervisor import PASSWORD, STATE, SUPERVISOR_LOCK, USERS_LOCK

START_S = 60.0
TRIES = 3
AGAIN_S = 0.25
LOG = "server.log"


class EmbeddedPostgres:
    """A user of the server; ``url`` is good until ``close``. ``log`` is the server's log, beside its data."""

    def __init__(self, url: str, log: Path, users: int) -> None:
        self.url = url
        self.log = log
        self._users = users

    def close(self) -> None:
        """Lets go of the server; it stops within about half a second when nobody else holds it."""
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_postgres(project: Path) -> EmbeddedPostgres:
    """The project's server, started when it is not running: seconds the first time, tenths of one later.

    Raises:
        SetupError: V110 there is no PostgreSQL, V111 it does not start.
    """
    project.mkdir(parents=True, exist_ok=True)
    base = base_folder(project)
    users = os.open(base / USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        with _alone(base / "start.lock"):
            url = _running(base) or _start(base)
    except BaseException:
        os.close(users)
        raise
    return EmbeddedPostgres(url, base / LOG, users)


def has_data(project: Path) -> bool:
    """Whether the project's server has been started before, and so may hold something."""
    return (base_folder(project) / "data").is_dir()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _running(base: Path) -> str | None:
    """The url, if the supervisor that wrote it lives and the server listens.

    A state file alone may be left from before a power cut, and a server that crashed is noticed a moment later.
    """
    handle = os.open(base / SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        url = _url(base)
        return url if url and _listens(url) else None
    finally:
        os.close(handle)
    return None


def _listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


def _url(base: Path) -> str | None:
    try:
        return str(json.loads((base / STATE).read_text("utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None


def _start(base: Path) -> str:
    binaries = find_binaries()
    if os.geteuid() == 0:
        binaries = reachable(binaries)
    _make_cluster(base, binaries)
    for attempt in range(TRIES):  # the port can be taken meanwhile, a server whose supervisor was killed be still ending
        time.sleep(attempt * AGAIN_S)
        if _launch(base, binaries) and (url := _url(base)):
            return url
    raise SetupError(
        f"the embedded PostgreSQL does not start: {_last_complaint(base / LOG)}",
        code="V111",
        hint=f"read {base / LOG}, or remove {base} to begin with an empty server",
    )


def _launch(base: Path, binaries: Path) -> bool:
    command = [sys.executable, "-P", "-m", "portl_cli.embedded._supervisor", str(base), str(binaries)]
    log = os.open(base / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        done = subprocess.run(  # noqa: S603 - our own
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, timeout=START_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        os.close(log)
    return done.returncode == 0


def _last_complaint(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    grave = [line for line in lines if "FATAL" in line or "Error" in line]
    return (grave or lines or ["it says nothing"])[-1]


def _make_cluster(base: Path, binaries: Path) -> None:
    """Makes the data folder once. Under another name first: a killed initdb leaves what looks like a cluster."""
    if (base / "data").exists() and (base / PASSWORD).exists():
        return
    making = base / "data.making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    give(making)
    password = secrets.token_urlsafe(18)
    write_private(base / PASSWORD, password)
    told = base / "password.initdb"
    write_private(told, password)
    give(told)
    try:
        _initdb(binaries, making, told)
    finally:
        told.unlink()
    making.rename(base / "data")


def _initdb(binaries: Path, data: Path, password: Path) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", f"--pwfile={password}", "-A", "scram-sha-256"]
    command += ["-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **as_nobody())  # noqa: S603 - found by us
    if done.returncode != 0:
        raise SetupError(f"initdb failed: {done.stderr.strip()[-500:]}", code="V111", hint="set PORTL_PG_BIN to another server")
