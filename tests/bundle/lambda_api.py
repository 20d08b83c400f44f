"""Lambda's Invoke API on loopback, in front of a host: how a function of Portl calls another one on AWS.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from portl_cli.engine import FunctionHost, Succeeded

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


@contextmanager
def lambda_api(host: FunctionHost, names: Mapping[str, str]) -> Iterator[str]:
    """Serves a host's functions, ``names`` leads from a function's name to the host's; gives the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            found = _PATH.fullmatch(self.path)
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found is None or found[1] not in names:
                self._answer(404, {"Message": "Function not found"}, {"x-amzn-errortype": "ResourceNotFoundException"})
                return
            answer = host.invoke(names[found[1]], payload)
            if isinstance(answer, Succeeded):
                self._answer(200, answer.payload, {})
            else:
                document = {"errorType": answer.error_type, "errorMessage": answer.error_message}
                self._answer(200, document, {"X-Amz-Function-Error": "Unhandled"})

        def _answer(self, status: int, document: Any, headers: Mapping[str, str]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
