"""A service of one object that fails as its script says: for S3 and Azure alike, whose answers differ in the codes only."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTENT = bytes(range(256)) * 4096 * 3
"""Three MiB."""


class Faulty(ThreadingHTTPServer):
    """``script`` is taken off from the left: a status, a text ``status code``, or ``reset``, ``stall``, ``cut``, ``flip``.

    Behind its end all is well.
    """

    daemon_threads = True

    def __init__(self, busy: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.busy = busy
        """The code of a 503."""
        self.script: list[Any] = []
        self.asked: list[str | None] = []
        """The range of each GET."""
        self.paths: list[str] = []
        """The path of each GET and HEAD."""
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        """Method, path, headers and body of all but GETs."""
        self.size = len(CONTENT)
        self.released = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def faulty(busy: str) -> Iterator[Faulty]:
    """One that runs."""
    with Faulty(busy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.asked.append(self.headers.get("Range"))
        fault = self._fault()
        if fault is None:
            return
        begin = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        content, status = CONTENT[begin:], 206 if begin else 200
        if failed := self._failed(fault):
            (status, content), begin = failed, 0
        ranged = {"Content-Range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"} if begin else {}
        self._answer(status, {**ranged, "Content-Length": str(len(content))})
        self.wfile.write(content[:1_500_000] if fault == "cut" else content)
        self.close_connection = fault == "cut"

    def do_HEAD(self) -> None:
        self.server.paths.append(self.path)
        self._answer(200, {"Content-Length": str(self.server.size)})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.command, self.path, dict(self.headers.items()), body))
        fault = self._fault()
        if fault is None:
            return
        status, answer = self._failed(fault) or (201, b"")
        kept = b"flipped" if fault == "flip" else body
        told = {"Content-MD5": base64.b64encode(hashlib.md5(kept, usedforsecurity=False).digest()).decode(), "Retry-After": "0"}
        self._answer(status, {**told, "Content-Length": str(len(answer))})
        self.wfile.write(answer)

    def do_DELETE(self) -> None:
        self.server.got.append((self.command, self.path, dict(self.headers.items()), b""))
        self._answer(202, {"Content-Length": "0"})

    def _fault(self) -> Any:
        """What is to go wrong; None: nothing can be answered any more."""
        fault = self.server.script.pop(0) if self.server.script else 200
        if fault == "stall":
            self.server.released.wait(10)
        self.close_connection = self.close_connection or fault in ("stall", "reset")
        return None if fault in ("stall", "reset") else fault

    def _failed(self, fault: Any) -> tuple[int, bytes] | None:
        status, _, code = str(fault).partition(" ")
        if not status.isdigit() or status == "200":
            return None
        code = code or (self.server.busy if status == "503" else "")
        return int(status), f"<Error><Code>{code}</Code><Message>{code}.</Message></Error>".encode() if code else b"<Error/>"

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Last-Modified": "Wed, 25 Nov 2026 00:00:00 GMT", "ETag": '"one"', **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
