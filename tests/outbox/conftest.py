"""Messages queued as a step queues them, without a run; a project with a job that queues; an API that says what it was told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import ROOT
from portl.connections import Connections
from portl.runs import ENQUEUE, prepare_outbox
from portl_cli.embedded import Peer, start_peer

JOB = """version: 2
job: orders
params: {path: {type: string}}
run_key: "{{ checksum(params.path) }}"
connections:
  shop: {type: postgres, url: "${env:PG_URL}"}
  notify: {type: http, base_url: "${env:NOTIFY_URL}", headers: {Authorization: "Bearer ${secret:notify/token}"}}
transaction: {scope: db, connection: shop}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: order
    type: db.insert
    batch: {from: "{{ steps.read.rows }}", as: row}
    table: orders
    mapping: {code: "{{ row.code }}", n: "{{ row.n }}"}
  - id: tell
    type: outbox.enqueue
    batch: {from: "{{ steps.read.rows }}", as: row}
    destination: notify
    request: {method: PUT, path: "/orders/{{ row.code }}", headers: {X-Kind: order}, json: {n: "{{ row.n | int }}"}}
"""
SCHEMA = "CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY, code text, n int);"
TOKEN = "s3cr3t-t0ken-of-notify"


@pytest.fixture(scope="session")
def peer_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with start_peer(tmp_path_factory.mktemp("peer") / "peer.jsonl") as peer:
        yield peer


@pytest.fixture
def peer(peer_of_all: Peer) -> Peer:
    """One peer for all these tests, which are many: each finds it without calls and willing."""
    httpx.post(peer_of_all.url + "/_script", json={}).raise_for_status()
    peer_of_all.file.write_text("", "utf-8")
    return peer_of_all


@pytest.fixture
def variables(postgres_url: str, peer: Peer) -> dict[str, str]:
    return {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "PORTL_SECRET_NOTIFY_TOKEN": TOKEN}


@pytest.fixture
def write_job(tmp_path: Path) -> Any:
    """Writes the job, changed, into a project of its own; answers its file."""

    def write(change: dict[str, str] | None = None) -> Path:
        folder = tmp_path / "p" / "statemachines" / "orders"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("functions", "layers", "template.yaml"):
            if not (tmp_path / "p" / name).exists():
                (tmp_path / "p" / name).symlink_to(ROOT / name)
        text = JOB
        for old, new in (change or {}).items():
            assert old in text
            text = text.replace(old, new)
        (folder / "job.yaml").write_text(text, "utf-8")
        (folder / "schema.sql").write_text(SCHEMA, "utf-8")
        return folder / "job.yaml"

    return write


@pytest.fixture
def specs(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The job's connections."""
    monkeypatch.setenv("PORTL_SECRET_NOTIFY_TOKEN", TOKEN)
    headers = {"Authorization": "Bearer ${secret:notify/token}"}
    return {
        "shop": {"type": "postgres", "url": variables["PG_URL"]},
        "notify": {"type": "http", "base_url": variables["NOTIFY_URL"], "headers": headers},
    }


@pytest.fixture
def connections(specs: dict[str, Any]) -> Iterator[Connections]:
    with Connections(specs) as found:
        yield found


@pytest.fixture
def queue(connections: Connections) -> Any:
    """Queues messages ``(number, group)`` with the numbers as dedup keys."""
    database = connections.get("shop")
    prepare_outbox(database)

    def go(numbers: Any, group: str | None = None, destination: str = "notify", job: str = "orders") -> None:
        with database.transaction():
            for n in numbers:
                request = {"method": "POST", "path": f"/n/{n}", "json": {"n": n}}
                database.execute(ENQUEUE, (job, destination, f"{n}", f"key-{n}", request, group, "run", "tell"))

    return go


@pytest.fixture
def states(query: Any) -> Any:
    """The state and failures of every message, by number."""
    return lambda: query("SELECT dedup_key::int, state, failures FROM portl_outbox ORDER BY id")


class _Echo(BaseHTTPRequestHandler):
    """Refuses with a long body that ends in the secret it was called with."""

    def do_POST(self) -> None:
        body = ("x" * 490 + self.headers["Authorization"] + "y" * 500).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class _Odd(BaseHTTPRequestHandler):
    """Answers 200 with what says JSON and is none, or cannot be kept as text."""

    bodies = (b'{"v": NaN}', b'{"v": "\\ud83d"}', b"\xff\0", b'{"v": "\\u0000"}')

    def do_POST(self) -> None:
        body = self.bodies[(int(self.path.rpartition("/")[2]) - 1) % len(self.bodies)]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def odd_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Odd) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def echo_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
