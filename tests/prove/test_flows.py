"""database.md X6: whichever effect a worker dies at, the flows end as if it had not (a sample; ``make prove`` does all)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.support import FLOW_A, FLOW_B
from prove.support import APPEND, FEED, NOTES, THREE, Workshop, prove

pytestmark = pytest.mark.postgres
SCHEMA = (FLOW_A / "schema.sql").read_text("utf-8")
ALL = os.environ.get("PORTL_PROVE_ALL") == "1"


Flow = Callable[[Workshop], tuple[Path, str]]


def sample(count: int) -> list[str]:
    return [] if ALL else ["--points", str(count)]


def flow_a(workshop: Workshop) -> tuple[Path, str]:
    return workshop.write((FLOW_A / "job.yaml").read_text("utf-8"), SCHEMA), f"path={THREE}"


def flow_b(workshop: Workshop) -> tuple[Path, str]:
    text = (FLOW_B / "job.yaml").read_text("utf-8").replace("function: feed", 'function: "feed.py:handler"')
    return workshop.write(text, SCHEMA, feed=FEED), "batch_id=2026-11"


def test_flow_a_ends_the_same_whichever_effect_its_workers_die_at(tmp_path: Path, workshop: Workshop) -> None:
    job, param = flow_a(workshop)
    proven = prove(tmp_path, job, "--param", param, *sample(10))
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")
    assert {point["kind"] for point in proven.points} >= {"own statement", "statement", "request", "invocation"}
    assert {point["happened"] for point in proven.points} <= {"done again", "answered as before"}
    assert [each["name"] for each in proven.began["not_compared"]] == ["created_at"]
    assert proven.end == {
        "event": "proof_ended",
        "differences": 0,
        "points": len(proven.points),
        "differing_points": 0,
    }
    if ALL:
        assert len(proven.points) == proven.began["points"] > 60
        assert [point["happened"] for point in proven.of(kind="commit", side="after", number=2)] == ["answered as before"]


def test_flow_b_ends_the_same_whichever_effect_its_workers_die_at(tmp_path: Path, workshop: Workshop) -> None:
    job, param = flow_b(workshop)
    proven = prove(tmp_path, job, "--param", param, *sample(7))
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")
    assert len(proven.points) == (proven.began["points"] if ALL else 7)


@pytest.mark.parametrize("flow", [flow_a, flow_b])
def test_without_the_ledger_each_flow_differs_at_every_point(tmp_path: Path, workshop: Workshop, flow: Flow) -> None:
    """The test of the tests above."""
    job, param = flow(workshop)
    proven = prove(tmp_path, job, "--param", param, *sample(3), PORTL_LEDGER="off")
    assert (proven.code, len(proven.differing)) == (1, len(proven.points)), proven.err
    assert proven.end["differences"] >= len(proven.points)


def test_an_append_is_done_once_chunk_by_chunk(tmp_path: Path, workshop: Workshop) -> None:
    proven = prove(tmp_path, workshop.write(APPEND, NOTES), "--param", f"path={THREE}", *sample(5))
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")


QUEUE = """version: 2
job: queue
params: {path: {type: string, required: true}}
run_key: "{{ checksum(params.path) }}"
connections:
  pg_main: {type: postgres, url: "${env:PG_URL}"}
  notify: {type: http, base_url: "${env:NOTIFY_URL}"}
transaction: {scope: db, connection: pg_main}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: note
    type: db.insert
    batch: &each {from: "{{ steps.read.rows }}", as: row}
    table: notes
    mapping: {code: "{{ row.code }}", name: "{{ row.name }}"}
  - {id: tell, type: outbox.enqueue, batch: *each, destination: notify, request: {method: PUT, path: "/notes/{{ idx }}"}}
"""


def test_what_is_queued_in_the_outbox_is_compared_too(tmp_path: Path, workshop: Workshop) -> None:
    proven = prove(tmp_path, workshop.write(QUEUE, NOTES), "--param", f"path={THREE}", *sample(4))
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")
    assert {each["where"] for each in proven.began["not_compared"]} == {"portl_outbox"}
    assert {each["name"] for each in proven.began["not_compared"]} == {"queued_at", "due_at"}
