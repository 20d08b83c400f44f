"""The servers that the stores are measured against: rclone's own, real programs written in Go, on loopback."""

from __future__ import annotations

import base64
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER, PASSWORD = "bench", "bench-pass"
"""Of servers that nobody but this machine reaches, for as long as a bench runs."""
UP_WITHIN_S = 20


@contextmanager
def s3_server(rclone: str, folder: Path) -> Iterator[str]:
    """The address of ``rclone serve s3`` with one bucket, ``bench``, in a folder."""
    (folder / "bench").mkdir(parents=True)
    with _served(rclone, "s3", folder, "--auth-key", f"{USER},{PASSWORD}", "--force-path-style=true") as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def sftp_server(rclone: str, folder: Path) -> Iterator[dict[str, str]]:
    """Where ``rclone serve sftp`` listens for a folder, and its key: ``{port, host_key}``."""
    folder.mkdir(parents=True)
    with _served(rclone, "sftp", folder, "--user", USER, "--pass", PASSWORD) as port:
        yield {"port": str(port), "host_key": _host_key(port)}


@contextmanager
def _served(rclone: str, kind: str, folder: Path, *options: str) -> Iterator[int]:
    port = _free_port()
    command = [
        rclone,
        "serve",
        kind,
        str(folder),
        "--addr",
        f"127.0.0.1:{port}",
        "--log-level",
        "ERROR",
        "--config",
        "",
        *options,
    ]
    with (folder.parent / f"{kind}.log").open("wb") as log:
        server = subprocess.Popen(command, stderr=log)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"rclone serve did not come up on port {port}")


def _host_key(port: int) -> str:
    import paramiko

    with socket.create_connection(("127.0.0.1", port)) as sock, contextlib.closing(paramiko.Transport(sock)) as transport:
        transport.start_client(timeout=10)
        key = transport.get_remote_server_key()
        return f"{key.get_name()} {base64.b64encode(key.asbytes()).decode()}"
