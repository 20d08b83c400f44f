"""Planted secrets appear nowhere (jobs.md R6): in no plan, output, log, error, state, history or record of calls."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from flows.support import Ended, portl, project, records, write_records
from portl_cli.embedded import Peer

TOKEN, STEP_KEY, PASSWORD, WEB = "t0ken/of+the=api", "k3y of one step", "pa:ss/w0rd%25", "w3b&pass"
HEADERS = 'headers: {Authorization: "Bearer ${secret:api/token}"}'
CHANGE = {
    'base_url: "${env:NOTIFY_URL}"': f'base_url: "${{env:NOTIFY_URL}}", {HEADERS}',
    "    path: /versions\n": '    path: /versions\n    headers: {X-Key: "${secret:step/key}"}\n',
}
SECRETS = {"PORTL_SECRET_API_TOKEN": TOKEN, "PORTL_SECRET_STEP_KEY": STEP_KEY}


class Echo(BaseHTTPRequestHandler):
    """Refuses every call, and tells in its answer all it was told."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"you sent": dict(self.headers.items())}).encode()
        self.send_response(400, f"bad {self.headers.get('Authorization')}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://web:{quote(WEB)}@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def writer_url(postgres_url: str, query: Any) -> str:
    """The address of the test's database for a role whose password is full of marks."""
    parts = urlsplit(postgres_url)
    role = f"writer_{parts.path[1:]}"
    query(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    return parts._replace(netloc=f"{role}:{quote(PASSWORD, safe='')}@{parts.hostname}:{parts.port}").geturl()


def forms() -> list[str]:
    found = []
    for secret in (TOKEN, STEP_KEY, PASSWORD, WEB):
        found += [secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)]
    return [*found, base64.b64encode(f"web:{WEB}".encode()).decode()]


def leaks(tmp_path: Path, *ended: Ended) -> list[tuple[str, str]]:
    told = {
        f"{name} of run {at}": text for at, each in enumerate(ended) for name, text in (("out", each.out), ("err", each.err))
    }
    for path in (tmp_path / "runs").rglob("*"):
        if path.is_file() and "results" not in path.relative_to(tmp_path / "runs").parts:
            told[str(path)] = path.read_text("utf-8")
    return [(where, form) for where, text in told.items() for form in forms() if form in text]


def test_a_good_run_and_its_plan_tell_no_secret(tmp_path: Path, writer_url: str, peer: Peer) -> None:
    job, file = project(tmp_path, CHANGE), write_records(tmp_path / "in.csv", records(4, keys=3))
    arguments, variables = (str(job), "--param", f"path={file}"), {"PG_URL": writer_url, "NOTIFY_URL": peer.url, **SECRETS}
    run = portl(tmp_path, "run", *arguments, "--init-db", "--json", "--intents", **variables)
    plan = portl(tmp_path, "plan", *arguments, **variables)
    machine_plan = portl(tmp_path, "plan", *arguments, "--json", **variables)
    assert (run.code, plan.code, machine_plan.code) == (0, 0, 0), run.out + plan.err
    assert {call["headers"]["authorization"] for call in peer.calls()} == {f"Bearer {TOKEN}"}
    assert {call["headers"].get("x-key") for call in peer.calls()} == {None, STEP_KEY}
    assert ("Authorization: Bearer ***" in plan.out, "X-Key: ***" in plan.out) == (True, True)
    assert leaks(tmp_path, run, plan, machine_plan) == []


def test_a_peer_that_tells_all_it_was_told_brings_no_secret_into_the_failure(
    tmp_path: Path, writer_url: str, echo: str
) -> None:
    job, file = project(tmp_path, CHANGE), write_records(tmp_path / "in.csv", records(2, keys=2))
    arguments, variables = (str(job), "--param", f"path={file}"), {"PG_URL": writer_url, "NOTIFY_URL": echo, **SECRETS}
    text = portl(tmp_path, "run", *arguments, "--init-db", **variables)
    events = portl(tmp_path, "run", *arguments, "--json", **variables)
    assert (text.code, events.code) == (1, 1)
    assert "400" in text.err
    assert leaks(tmp_path, text, events) == []


def test_a_database_that_refuses_the_password_does_not_tell_it(tmp_path: Path, writer_url: str, peer: Peer) -> None:
    job, file = project(tmp_path, CHANGE), write_records(tmp_path / "in.csv", records(2, keys=2))
    wrong = writer_url.replace(quote(PASSWORD, safe=""), quote(WEB, safe=""))
    for command in ("run", "plan"):
        ended = portl(tmp_path, command, str(job), "--param", f"path={file}", PG_URL=wrong, NOTIFY_URL=peer.url, **SECRETS)
        assert (ended.code, "D107" in ended.err) == (3, True), ended.err
        assert leaks(tmp_path, ended) == []


def test_a_demo_keeps_no_secret_in_the_record_of_its_peer(tmp_path: Path) -> None:
    job, file = project(tmp_path, CHANGE), write_records(tmp_path / "in.csv", records(2, keys=2))
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", "--demo", **SECRETS)
    assert ended.code == 0, ended.err
    (record,) = (tmp_path / "runs").glob("*/peer.jsonl")
    assert "Bearer ***" in record.read_text("utf-8")
    assert leaks(tmp_path, ended) == []
