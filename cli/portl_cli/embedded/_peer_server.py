"""The process of a peer: ``python -m portl_cli.embedded._peer_server FILE`` serves until its standard input ends."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, file: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._file = file.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._script: dict[str, Any] = {}
        self._seen = 0

    def script(self, script: dict[str, Any]) -> None:
        """Takes what to refuse from now on."""
        with self._lock:
            self._script, self._seen = script, 0

    def take(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, int, dict[str, Any]]:
        """Records a call and answers its number, its status and the script that refused it."""
        with self._lock:
            number = next(self._numbers)
            refused = self._refuses()
            status = int(refused.get("status", 200))
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = {
                "n": number,
                "ts": moment,
                "method": method,
                "path": path,
                "headers": headers,
                "body": body,
                "status": status,
            }
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            return number, status, refused

    def _refuses(self) -> dict[str, Any]:
        script = self._script
        self._seen += 1
        if not script or self._seen % int(script.get("every", 1)) or script.get("times", 1) == 0:
            return {}
        if "times" in script:
            script["times"] -= 1
        return script


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        """Takes a call of any method."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body: Any = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode("utf-8", "replace")
        if self.path == "/_script":
            self.server.script(body)
            return self._answer(200, {}, {"script": body})
        headers = {name.lower(): value for name, value in self.headers.items()}
        number, status, refused = self.server.take(self.command, self.path, headers, body)
        extra = {"Retry-After": str(refused["retry_after"])} if refused.get("retry_after") is not None else {}
        return self._answer(status, extra, {"id": number, "received": not refused})

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the names http.server looks for

    def _answer(self, status: int, headers: dict[str, str], document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Says nothing: the record is the log."""


def main() -> None:
    """Serves until standard input ends."""
    server = _Server(Path(sys.argv[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
