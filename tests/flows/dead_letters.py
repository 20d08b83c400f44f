"""A job whose records may fail one by one, and a server that refuses what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flows.support import ROOT, Ended, portl

SCHEMA = """
CREATE TABLE IF NOT EXISTS t (id bigint GENERATED ALWAYS AS IDENTITY, code text UNIQUE, n int CHECK (n < 100));
CREATE TABLE IF NOT EXISTS u (id bigint GENERATED ALWAYS AS IDENTITY, code text UNIQUE, t bigint);
"""
FUNCTION = """
import os, pathlib
def double(event, _):
    return {"n": int(event["n"]) * 2}
def careful(event, _):
    if (pathlib.Path(__file__).parent / "poison").exists() and event["n"] == "3":
        raise ValueError("three")
    return {"n": int(event["n"]) * 2}
def odd(event, _):
    return {"n": {"nan": float("nan"), "half": "\\ud83d"}.get(event["n"], 3)}
def deadly(event, _):
    if event["n"] == "x":
        os._exit(9)
    return {"n": int(event["n"]) * 2}
"""
HEAD = """
version: 2
job: j
params: {path: {type: string, required: true}}
connections:
  db: {type: postgres, url: "${env:PG_URL}"}
  api: {type: http, base_url: "${env:API_URL}", headers: {Authorization: "Bearer ${secret:api/token}"}}
  fn: {type: lambda, function: "f.py:%s"}
"""
READ = 'steps:\n  - {id: read, type: csv.read, path: "{{ params.path }}"}\n'
EACH = 'batch: {from: "{{ steps.read.rows }}", as: row, size: 4}'
ASIDE = "on_error: dead_letter"
DOUBLE = f'  - {{id: double, type: lambda.invoke, {EACH}, {ASIDE}, payload: {{n: "{{{{ row.n }}}}"}}, concurrency: 1}}\n'
FIRST = (
    f"  - {{id: first, type: db.upsert, {EACH}, table: t, key: [code],"
    ' mapping: {code: "{{ row.code }}", n: "{{ steps.double[idx].n }}"}}\n'
)
SECOND = (
    f"  - {{id: second, type: db.insert, {EACH}, {ASIDE}, table: u,"
    ' mapping: {code: "{{ row.code }}", t: "{{ steps.first[idx].id }}"}}\n'
)
TELL = (
    f'  - {{id: tell, type: api.call, {EACH}, {ASIDE}, method: POST, path: "/tell/{{{{ row.code }}}}",'
    ' json: {n: "{{ 100 // (row.n | int) }}"}, concurrency: 1}\n'
)
SCOPE_CHUNK = "transaction: {scope: chunk, connection: db}\n"
SCOPE_DB = "transaction: {scope: db, connection: db}\n"
SECRET = "s3cr3t-t0ken"


@dataclass
class Api:
    """A server that answers a path with a status, and with seconds to wait; every other one with 200."""

    url: str
    refusals: dict[str, list[tuple[int, int | None]]] = field(default_factory=dict)
    calls: list[tuple[str, int, Any]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            planned = api.refusals.get(self.path, [])
            status, wait = planned.pop(0) if planned else (200, None)
            api.calls.append((self.path, status, body))
            self.send_response(status)
            if wait is not None:
                self.send_header("Retry-After", str(wait))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = Api(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Ran:
    """A run that has ended, and what it left."""

    ended: Ended
    folder: Path

    @property
    def letters(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / "dead").glob("*/*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    def told(self, *names: str) -> list[tuple[Any, ...]]:
        """Of every letter these fields; ``code`` is that of its error."""
        return [
            tuple(letter["error"]["code"] if name == "code" else letter.get(name) for name in names) for letter in self.letters
        ]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        return json.loads((self.folder / "ended.json").read_text("utf-8"))["steps"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = (self.folder / "history.jsonl").read_text("utf-8").splitlines()
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    def failed_in_chunks(self) -> int:
        """What the chunks tell the state machine."""
        children = [each for each in self.events("ExecutionSucceeded") if each["execution"]]
        return sum(json.loads(each["executionSucceededEventDetails"]["output"]) for each in children)


Run = Callable[..., Ran]


def write_job(tmp_path: Path, steps: str, rows: str, head: str = "", function: str = "double") -> tuple[Path, Path]:
    """The job in a project of its own, and its file of records."""
    folder = tmp_path / "p" / "statemachines" / "j"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("functions", "layers", "template.yaml"):
        if not (tmp_path / "p" / name).exists():
            (tmp_path / "p" / name).symlink_to(ROOT / name)
    (folder / "schema.sql").write_text(SCHEMA, "utf-8")
    (folder / "f.py").write_text(FUNCTION, "utf-8")
    (folder / "rows.csv").write_text(rows, "utf-8")
    (folder / "job.yaml").write_text(HEAD % function + head + READ + steps, "utf-8")
    return folder, folder / "rows.csv"


def variables(url: str, api: str) -> Mapping[str, str]:
    return {"PG_URL": url, "API_URL": api, "PORTL_SECRET_API_TOKEN": SECRET}


def run_job(tmp_path: Path, folder: Path, rows: Path, given: Mapping[str, str], *options: str, host: str = "inline") -> Ran:
    before = set((tmp_path / "runs").glob("j-*"))
    arguments = ["run", str(folder), "--init-db", "--param", f"path={rows}", "--time-scale", "0.01", "--host", host, *options]
    ended = portl(tmp_path, *arguments, **given)
    (made,) = set((tmp_path / "runs").glob("j-*")) - before
    return Ran(ended, made)
