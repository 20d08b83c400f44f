"""Lambda's Runtime API for one environment, on loopback.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from portl_cli.engine._host import Answer, Failed, Succeeded, response_too_large, unmarshalled
from portl_cli.engine._processes.messages import answer_document
from portl_cli.engine._processes.wire import Closed, Wire

if TYPE_CHECKING:
    from portl_cli.engine.template import Function

_ROOT = "/2018-06-01/runtime"


class RuntimeApi(ThreadingHTTPServer):
    """Hands invocations from ``wire`` to a runtime client and its answers back; ``address`` is host:port."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, function: Function, most: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.function = function
        self.most = most
        ours, theirs = socket.socketpair()
        self.wire = Wire(theirs)
        self.inner = Wire(ours)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function's process that is killed resets its connection: that is no news, its host sees it end."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Ends the server; a client that waits for its next invocation is let go."""
        self.inner.shut()
        self.shutdown()
        self.server_close()
        self.inner.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for the client's delayed acknowledgement, 40 ms
    wbufsize = -1
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_ROOT}/invocation/next":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        try:
            self.server.inner.send({"op": "ready"})
            asked = self.server.inner.receive()
        except Closed:
            self.close_connection = True
            return
        function = self.server.function
        headers = {
            "Lambda-Runtime-Aws-Request-Id": asked["request_id"],
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + function.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:local:000000000000:function:{function.name}",
            "Content-Type": "application/json",
        }
        self._answer(HTTPStatus.OK, json.dumps(asked["event"]).encode(), headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == f"{_ROOT}/init/error":
            self._tell("broken", _failed(body))
        elif self.path.endswith("/error"):
            self._tell("answer", _failed(body))
        elif len(body) > self.server.most:
            self._tell("answer", response_too_large(), last=True)
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b'{"errorType":"RequestEntityTooLarge"}')
            return
        else:
            self._tell("answer", _succeeded(body))
        self._answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')

    def _tell(self, op: str, answer: Answer, *, last: bool = False) -> None:
        try:
            self.server.inner.send({"op": op, "answer": answer_document(answer), "last": last})
        except Closed:
            self.close_connection = True

    def _answer(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the function's process may have ended meanwhile
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing: what is asked here is the machinery's own."""


def _succeeded(body: bytes) -> Answer:
    try:
        return Succeeded(unmarshalled(body))
    except (ValueError, RecursionError) as problem:
        return Failed("Runtime.MarshalError", f"Unable to marshal response: {problem}")


def _failed(body: bytes) -> Failed:
    document = json.loads(body)
    return Failed(
        error_type=str(document.get("errorType", "")),
        error_message=str(document.get("errorMessage", "")),
        stack_trace=tuple(document.get("stackTrace") or ()),
        request_id=str(document.get("requestId") or ""),
    )
