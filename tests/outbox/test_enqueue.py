"""outbox.enqueue in a run: what is queued commits with the work (jobs.md S7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import Ended, portl
from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.embedded import Peer

from outbox.conftest import JOB, TOKEN

pytestmark = pytest.mark.postgres
ROWS = "SELECT destination, request::text, group_key, step, state FROM portl_outbox ORDER BY id"
DEDUP = {"destination: notify": 'destination: notify\n    dedup_key: "{{ row.code }}"'}


@pytest.fixture
def run(tmp_path: Path, write_job: Any, variables: dict[str, str]) -> Any:
    def go(rows: str, change: dict[str, str] | None = None, *options: str, command: str = "run", **more: str) -> Ended:
        (tmp_path / "rows.csv").write_text(rows, "utf-8")
        arguments = [command, str(write_job(change)), "--param", f"path={tmp_path / 'rows.csv'}", *options]
        return portl(tmp_path, *arguments, *(["--init-db"] if command == "run" else []), **variables, **more)

    return go


def noted(lines: str) -> list[dict[str, Any]]:
    return [note for note in map(json.loads, lines.splitlines()) if note["step"] == "tell"]


def test_what_is_queued_commits_with_the_work_and_no_secret_stands_in_it(run: Any, query: Any, peer: Peer) -> None:
    ended = run("code,n\na,1\nb,2\n")
    assert ended.code == 0, ended.err
    rows = [(where, json.loads(request), *rest) for where, request, *rest in query(ROWS)]
    assert rows == [
        (
            "notify",
            {"method": "PUT", "path": f"/orders/{code}", "headers": {"X-Kind": "order"}, "json": {"n": n}},
            None,
            "tell",
            "waiting",
        )
        for code, n in (("a", 1), ("b", 2))
    ]
    assert "portl_outbox: 2 queued" in ended.out
    assert [row for row in query("SELECT portl_outbox::text FROM portl_outbox") if TOKEN in row[0]] == []
    assert peer.calls() == []


def test_what_rolls_back_leaves_nothing_queued(run: Any, query: Any, peer: Peer) -> None:
    ended = run("code,n\na,1\nb,no number\n", {'{n: "{{ row.n | int }}"}': '{n: "{{ row.n }}"}'})
    assert (ended.code, query("SELECT count(*) FROM portl_outbox"), peer.calls()) == (1, [(0,)], [])


def test_a_message_of_a_known_dedup_key_is_not_queued_again_and_the_run_says_so(run: Any, query: Any) -> None:
    first = run("code,n\na,1\na,2\nb,3\n", DEDUP)
    again = run("code,n\nb,4\nc,5\n", DEDUP)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert "tell   outbox.enqueue  2 queued, 1 known" in first.out
    assert "1 queued, 1 known" in again.out
    assert query("SELECT dedup_key, request->'json'->>'n' FROM portl_outbox ORDER BY id") == [("a", "1"), ("b", "3"), ("c", "5")]


def test_one_dedup_key_is_another_message_for_another_destination(run: Any, query: Any) -> None:
    other = '  - {id: also, type: outbox.enqueue, destination: crm, dedup_key: a, request: {path: /x}}\n'
    both = {**DEDUP, "transaction:": '  crm: {type: http, base_url: "http://127.0.0.1:1"}\ntransaction:', 'int }}"}}\n': 'int }}"}}\n' + other}
    ended = run("code,n\na,1\n", both)
    assert (ended.code, query("SELECT destination, dedup_key FROM portl_outbox ORDER BY id")) == (0, [("notify", "a"), ("crm", "a")])
    assert len(set(query("SELECT idempotency_key FROM portl_outbox"))) == 2


def test_without_a_dedup_key_the_same_work_done_again_queues_nothing_even_without_the_ledger(run: Any, query: Any) -> None:
    assert run("code,n\na,1\nb,2\n", None, PORTL_LEDGER="off").code == 0
    again = run("code,n\na,1\nb,2\n", None, PORTL_LEDGER="off")
    assert (again.code, query("SELECT count(*) FROM portl_outbox"), query("SELECT count(*) FROM orders")) == (0, [(2,)], [(4,)])
    assert "2 known" in again.out


def test_a_record_without_a_value_for_its_dedup_key_is_an_error_that_names_it(run: Any, query: Any) -> None:
    ended = run("code,n\n,1\n", DEDUP)
    assert (ended.code, query("SELECT count(*) FROM portl_outbox")) == (1, [(0,)])
    assert "M101 the record has no value for dedup_key" in ended.err
    assert "tell (outbox.enqueue), record 1" in ended.err


def test_a_path_out_of_a_record_stays_under_the_destination(run: Any, query: Any) -> None:
    ended = run("code,n\nhttp://elsewhere.example/x,1\n", {"path: \"/orders/{{ row.code }}\"": 'path: "{{ row.code }}"'})
    assert (ended.code, query("SELECT request->>'path' FROM portl_outbox")) == (0, [("/http://elsewhere.example/x",)]), ended.err


@pytest.mark.parametrize("change", [None, DEDUP], ids=["a key made of the run key", "a dedup key"])
def test_a_plan_shows_the_very_statement_that_the_run_does(run: Any, query: Any, change: Any) -> None:
    rows = "code,n\na,1\nb,2\n"
    assert run(rows, change).code == 0
    planned = run(rows, change, "--json", command="plan")
    assert planned.code == 0, planned.err
    notes = noted(planned.out)
    assert [(note["kind"], note["connection"], note["record"]) for note in notes] == [
        ("statement", "shop", 0),
        ("statement", "shop", 1),
    ]
    keys = ("dedup_key", "idempotency_key", "request")
    shown = [tuple(dict(zip(note["columns"], note["params"], strict=True))[key] for key in keys) for note in notes]
    written = query("SELECT dedup_key, idempotency_key, request::text FROM portl_outbox ORDER BY id")
    assert shown == [(dedup, key, json.loads(request)) for dedup, key, request in written]
    assert query("SELECT count(*) FROM portl_outbox") == [(2,)]


MISTAKES = {
    "no such connection": ("destination: notify", "destination: notfy", "J204", 'there is no connection "notfy"'),
    "no http connection": ("destination: notify", "destination: shop", "J204", "outbox.enqueue needs a http connection"),
    "two bodies": ("json: {n:", "body: x, json: {n:", "J004", "a request has one body, not json and body"),
    "a secret in a row": ("X-Kind: order", 'X-Kind: "${secret:notify/token}"', "J004", "is not resolved in a message"),
    "a secret as plain text": ("X-Kind: order", "X-Api-Key: abc123", "J501", "X-Api-Key holds a secret"),
    "an unknown field": ("method: PUT", "methd: PUT", "J002", "methd"),
    "a column that is not there": ("row.n | int", "steps.order[idx].idd", "J203", "idd"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_step_is_told_with_its_place(name: str) -> None:
    old, new, code, told = MISTAKES[name]
    text = JOB.replace(old, new)
    assert text != JOB
    _, findings = parse_job(text.encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert [(found.code, told in found.message, found.line) for found in findings] == [
        (code, True, 1 + text[: text.index(new)].count("\n"))
    ]
