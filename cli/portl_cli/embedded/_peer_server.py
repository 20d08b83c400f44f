"""The process of a peer: ``python -m portl_cli.embedded._peer_server FILE`` serves until its standard input ends.

The first line of its standard input is a JSON list of the values that its record must not hold.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from portl.values import Redactor
from portl_cli.embedded._peer_script import Script

LONGEST_BODY = 256 * 1024 * 1024


class _Server(ThreadingMixIn, TCPServer):
    """Not http.server's: that one asks the name service who 127.0.0.1 is before it serves."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, file: Path, hidden: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._lock = threading.Lock()
        self._script = Script()
        self._redactor = Redactor()
        for value in hidden:
            self._redactor.add(value)
        self._number = sum(1 for _ in file.open("rb")) if file.exists() else 0
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def script(self, script: Script) -> None:
        """Takes what to refuse from now on."""
        with self._lock:
            self._script = script

    def take(self, call: dict[str, Any]) -> tuple[int, Script | None]:
        """Records a call; answers its number, and the script if that refuses it."""
        with self._lock:
            self._number += 1
            refused = self._script if self._script.refuses() else None
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            status = refused.status if refused else 200
            # ASCII: a body may hold half a surrogate pair, which no file takes. One write: a reader sees whole lines.
            line = json.dumps({"n": self._number, "ts": moment, **self._redactor.tree(call), "status": status}) + "\n"
            os.write(self._file, line.encode("ascii"))
            return self._number, refused

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that went away in the middle."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        """Takes a call of any method."""
        try:
            raw = self._body()
        except ValueError as problem:
            self.close_connection = True
            return self._answer(400, {"error": str(problem)})
        if self.path == "/_script":
            return self._take_script(raw)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        call = {"method": self.command, "path": self.path, "headers": headers, "body": _parsed(raw)}
        number, refused = self.server.take(call)
        if refused is None:
            return self._answer(200, {"id": number, "received": True})
        return self._answer(refused.status, {"id": number, "received": False}, refused.retry_after)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the names http.server looks for

    def _take_script(self, raw: bytes) -> None:
        try:
            script = Script.read(_parsed(raw))
        except ValueError as problem:
            return self._answer(400, {"error": str(problem)})
        self.server.script(script)
        return self._answer(200, {"scripted": True})

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LONGEST_BODY:
            raise ValueError(f"a body of {length} bytes is refused")
        content = self.rfile.read(length)
        if len(content) < length:
            raise ConnectionResetError("the caller went away in the middle of its request, which is none")
        return content

    def _chunks(self) -> bytes:
        """RFC 9112, section 7.1: a size in hexadecimal, perhaps extensions, the data; then trailers until an empty line."""
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if not 0 < size <= LONGEST_BODY - len(body):
                raise ValueError("a chunk that is too long")
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(body)

    def _answer(self, status: int, document: dict[str, Any], retry_after: float | None = None) -> None:
        content = json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:g}")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Says nothing: the record is the log."""


def _parsed(raw: bytes) -> Any:
    """The JSON of a body, or its text."""
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


def main() -> None:
    """Serves until standard input ends, which it does with the process that started this one."""
    with _Server(Path(sys.argv[1]), json.loads(sys.stdin.readline())) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
