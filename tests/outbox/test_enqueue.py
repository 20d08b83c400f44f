"""outbox.enqueue in a run: what is queued commits with the work (jobs.md S7)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.support import Ended, portl
from outbox.conftest import JOB, TOKEN
from portl.connections import CONNECTION_TYPES, Connections
from portl.errors import MappingError
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl.steps.outbox_enqueue import STEP, OutboxEnqueue
from portl_cli.embedded import Peer

pytestmark = pytest.mark.postgres
DEDUP = {"destination: notify": 'destination: notify\n    dedup_key: "{{ row.code }}"'}


@pytest.fixture
def run(tmp_path: Path, write_job: Any, variables: dict[str, str]) -> Any:
    def go(rows: str, change: dict[str, str] | None = None, *options: str, command: str = "run", **more: str) -> Ended:
        (tmp_path / "rows.csv").write_text(rows, "utf-8")
        arguments = [command, str(write_job(change)), "--param", f"path={tmp_path / 'rows.csv'}", *options]
        return portl(tmp_path, *arguments, *(["--init-db"] if command == "run" else []), **variables, **more)

    return go


def noted(lines: str) -> list[dict[str, Any]]:
    """What a plan has of the step: the columns of each statement with their values."""
    notes = [note for note in map(json.loads, lines.splitlines()) if note["step"] == "tell"]
    assert {(note["kind"], note["connection"]) for note in notes} == {("statement", "shop")}
    return [dict(zip(note["columns"], note["params"], strict=True)) for note in notes]


KEPT = ("destination", "dedup_key", "idempotency_key", "request", "group_key", "step")
ROWS = """SELECT json_build_array(destination, dedup_key, idempotency_key, request, group_key, step)::text
FROM portl_outbox ORDER BY id"""


def rows(query: Any) -> list[list[Any]]:
    return [json.loads(row) for (row,) in query(ROWS)]


def test_what_is_queued_commits_with_the_work_as_it_was_planned_once_for_one_run_key_and_without_secrets(
    run: Any, query: Any, peer: Peer
) -> None:
    ended = run("code,n\na,1\nb,2\n")
    assert ended.code == 0, ended.err
    request = {"method": "PUT", "path": "/orders/a", "headers": {"X-Kind": "order"}, "json": {"n": 1}}
    assert [(row[0], *row[3:]) for row in rows(query)] == [
        ("notify", request, None, "tell"),
        ("notify", {**request, "path": "/orders/b", "json": {"n": 2}}, None, "tell"),
    ]
    assert "portl_outbox: 2 queued" in ended.out
    assert [row for row in query("SELECT portl_outbox::text FROM portl_outbox") if TOKEN in row[0]] == []
    query("ALTER TABLE portl_ledger RENAME TO put_aside")  # a plan of work that was done shows no statement
    planned = run("code,n\na,1\nb,2\n", None, "--json", command="plan")
    query("ALTER TABLE put_aside RENAME TO portl_ledger")
    assert [[note[name] for name in KEPT] for note in noted(planned.out)] == rows(query)
    again = run("code,n\na,1\nb,2\n", None, PORTL_LEDGER="off")
    assert (again.code, len(rows(query)), query("SELECT count(*) FROM orders")) == (0, 2, [(4,)])
    assert "portl_outbox: 2 known" in again.out
    assert peer.calls() == []


def test_what_rolls_back_leaves_nothing_queued(run: Any, query: Any, peer: Peer) -> None:
    ended = run("code,n\na,1\nb,no number\n", {'{n: "{{ row.n | int }}"}': '{n: "{{ row.n }}"}'})
    assert (ended.code, query("SELECT count(*) FROM portl_outbox"), peer.calls()) == (1, [(0,)], [])


def test_a_message_of_a_known_dedup_key_is_not_queued_again_and_the_run_says_so(run: Any, query: Any) -> None:
    ended = run("code,n\na,1\na,2\nb,3\n", DEDUP)
    assert ended.code == 0, ended.err
    assert re.search(r"tell +outbox.enqueue +2 queued, 1 known", ended.out)
    assert [(row[1], row[3]["json"]["n"]) for row in rows(query)] == [("a", 1), ("b", 3)]


SCOPE = {"run": {"job": "orders", "id": "run-1"}, "row": {"code": "a", "none": None, "away": "http://elsewhere.example/x"}}


def planned(connections: Connections, **fields: Any) -> dict[str, Any]:
    given = {"destination": "notify", "request": {"path": "/x"}, **fields}
    spec = OutboxEnqueue.model_validate({"id": "tell", "type": "outbox.enqueue", "connection": "shop", **given})
    statement = STEP.prepare(spec, connections).plan(SCOPE)
    return dict(zip(statement.columns, statement.params, strict=True))


def test_one_dedup_key_is_one_idempotency_key_for_a_destination_and_another_for_another(connections: Connections) -> None:
    first, again, other = (
        planned(connections, dedup_key="{{ row.code }}", destination=name, group=group)
        for name, group in (("notify", None), ("notify", "{{ 5 }}"), ("crm", None))
    )
    assert first["idempotency_key"] == again["idempotency_key"] != other["idempotency_key"]
    assert (first["dedup_key"], first["group_key"], again["group_key"]) == ("a", None, "5")


@pytest.mark.parametrize("value", ["{{ row.none }}", "{{ '' }}"])
def test_a_record_without_a_value_for_its_dedup_key_is_an_error(connections: Connections, value: str) -> None:
    with pytest.raises(MappingError) as caught:
        planned(connections, dedup_key=value)
    assert (caught.value.code, caught.value.place.field) == ("M101", "dedup_key")


def test_a_path_out_of_a_record_stays_under_the_destination(connections: Connections) -> None:
    assert planned(connections, request={"path": "{{ row.away }}"})["request"] == {
        "method": "POST",
        "path": "/http://elsewhere.example/x",
    }


def test_an_empty_json_body_is_a_body(connections: Connections) -> None:
    assert planned(connections, request={"path": "x", "json": {}})["request"] == {"method": "POST", "path": "/x", "json": {}}


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
    errors = [found for found in findings if found.level == "error"]
    assert [(found.code, told in found.message, found.line) for found in errors] == [
        (code, True, 1 + text[: text.index(new)].count("\n"))
    ]
