"""A client of the YAML language server, as an editor is one: LSP over the server's standard input and output.

https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WAIT_S = 30.0
"""How long an answer may take on a machine that is busy."""
URI = "file:///project/statemachines/job{}/job.yaml"
CARET = "§"


@dataclass(frozen=True)
class Finding:
    """A diagnostic as an editor shows it: line and column from 1, the text it underlines, and what it says."""

    line: int
    column: int
    marked: str
    message: str


class LanguageServer:
    """One server, told by its settings which files have the schema. A document is opened anew for each question."""

    def __init__(self, process: subprocess.Popen[bytes], schema: Path) -> None:
        self._process = process
        self._settings = {
            "yaml": {
                "schemas": {schema.as_uri(): "/project/statemachines/*/job.yaml"},
                "schemaStore": {"enable": False},
                "hover": True,
            }
        }
        self._heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        self._version = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": _CAPABILITIES})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": self._settings})
        self._wait_for_schema()

    def _wait_for_schema(self) -> None:
        """The server asks for its settings when it likes; until it has them it takes every text for right."""
        until = time.monotonic() + WAIT_S
        while not self.findings("no_key_of_any_job: 1\n"):
            assert time.monotonic() < until, "the server has not taken the schema"
            time.sleep(0.05)

    def findings(self, text: str, uri: str = "") -> list[Finding]:
        """What the server marks in a job's text, in the order of the lines; ``uri`` says where the job is."""
        self._open(text, uri)
        while True:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics":
                params = message["params"]
                if params.get("version", self._version) == self._version and params["uri"] == self._uri:
                    return sorted((_finding(text, each) for each in params["diagnostics"]), key=lambda f: (f.line, f.column))

    def completions(self, text: str) -> list[str]:
        """What is offered at the caret ``§``."""
        answer = self._ask("textDocument/completion", self._at_caret(text))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return sorted(item["label"] for item in items)

    def explained(self, text: str, label: str) -> str:
        """What is shown beside one of the things offered at the caret."""
        answer = self._ask("textDocument/completion", self._at_caret(text))
        (shown,) = [item.get("documentation", "") for item in answer["items"] if item["label"] == label]
        return str(shown["value"] if isinstance(shown, dict) else shown)

    def hover(self, text: str) -> str:
        """What is shown for the word at the caret ``§``."""
        answer = self._ask("textDocument/hover", self._at_caret(text))
        return str(answer["contents"]["value"]) if answer else ""

    def _at_caret(self, text: str) -> dict[str, Any]:
        before, _, after = text.partition(CARET)
        self._open(before + after)
        line = before.count("\n")
        return {"textDocument": {"uri": self._uri}, "position": {"line": line, "character": len(before.rpartition("\n")[2])}}

    def _open(self, text: str, uri: str = "") -> None:
        self._version += 1
        self._uri = uri or URI.format(self._version)
        document = {"uri": self._uri, "languageId": "yaml", "version": self._version, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})

    def _ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self._number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _next(self) -> dict[str, Any]:
        """The next message; what the server asks is answered on the way."""
        message = self._heard.get(timeout=WAIT_S)
        if "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings.get(item["section"], {}) for item in message["params"]["items"]]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._process.stdin.flush()

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.partition(b":")[2]) if header.lower().startswith(b"content-length") else 0
            while stream.readline().strip():
                pass
            self._heard.put(json.loads(stream.read(length)))


_CAPABILITIES = {
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {"versionSupport": True},
    },
}


def _finding(text: str, raw: dict[str, Any]) -> Finding:
    start, end = raw["range"]["start"], raw["range"]["end"]
    line = text.splitlines()[start["line"]]
    marked = line[start["character"] : end["character"] if end["line"] == start["line"] else None]
    return Finding(start["line"] + 1, start["character"] + 1, marked, raw["message"])


@contextmanager
def start_language_server(program: Path, schema: Path) -> Iterator[LanguageServer]:
    """A server that speaks over pipes; it ends with the block."""
    with subprocess.Popen([str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield LanguageServer(process, schema)
        finally:
            process.kill()
