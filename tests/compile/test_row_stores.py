"""Which Tasks are given the stores in which the rows of a csv.read may have stayed, to read their own part of them."""

from __future__ import annotations

from typing import Any

import pytest

from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.compile import compile_job

HEAD = """
version: 2
job: example
params: {path: {type: string}}
connections:
  db: {type: postgres, url: "${env:PG_URL}"}
  api: {type: http, base_url: "${env:API_URL}"}
  lake: {type: local, root: lake}
  other: {type: local, root: other}
steps:
  - {id: read, type: csv.read, path: "lake:in.csv"%s}
"""
EACH = 'batch: {from: "{{ steps.read.rows }}", as: row}'
PUT = f'  - {{id: put, type: db.insert, {EACH}, table: t, mapping: {{a: "{{{{ row.a }}}}"}}}}\n'
CALL = f"  - {{id: call, type: api.call, {EACH}, on_error: dead_letter, method: POST, path: /x}}\n"
FEW = '  - {id: few, type: api.call, batch: {from: "{{ steps.read.rows[:5] }}", as: row}, method: POST, path: /x}\n'
ONCE = '  - {id: once, type: api.call, method: POST, path: /x, json: {n: "{{ %s }}"}}\n'
STAGED = "transaction: {scope: db, connection: db, staging: true}\n"


def row_stores(text: str, more: str = "", top: str = "", head: str = HEAD) -> dict[str, list[str]]:
    """By the name of a Task's state the stores it is given for its rows."""
    written = head.replace("steps:\n", f"{top}steps:\n").replace("%s", more) + text
    job, findings = parse_job(written.encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert (findings, job is None) == ([], False)
    assert job is not None
    return dict(_found(compile_job(job, lambda _: 900).definition))


def _found(definition: dict[str, Any]) -> Any:
    for name, state in definition["States"].items():
        if "row_stores" in state.get("Arguments", {}).get("Payload", {}):
            yield name, [*state["Arguments"]["Payload"]["row_stores"]]
        yield from _found(state.get("ItemProcessor", {"States": {}}))


@pytest.mark.parametrize(
    ("steps", "top", "expected"),
    [
        (PUT, "", {"put": ["lake"]}),
        (PUT, "transaction: {scope: db, connection: db}\n", {"put in one transaction": ["lake"]}),
        (PUT, STAGED, {"stage put": ["lake"], "put in one transaction": ["lake"]}),
        (CALL, "", {"call": ["lake"], "letters of call": ["lake"]}),
        (FEW, "", {"records of few": ["lake"]}),
        (ONCE % "steps.read.rows[0].a", "", {"once": ["lake"]}),
        (ONCE % "steps.read", "", {"once": ["lake"]}),
        (ONCE % "steps.read.count", "", {}),
    ],
    ids=[
        "chunks",
        "one transaction",
        "staged",
        "letters",
        "a list worked out",
        "a record by its index",
        "a whole result",
        "a count",
    ],
)
def test_a_task_that_reads_rows_is_given_the_stores_they_may_be_in(
    steps: str, top: str, expected: dict[str, list[str]]
) -> None:
    found = row_stores(steps, top=top)
    assert found == expected


@pytest.mark.parametrize("more", [", ranges: never", ", compression: gzip"])
def test_rows_that_are_always_copied_need_no_store(more: str) -> None:
    assert row_stores(PUT + CALL, more) == {}


@pytest.mark.parametrize(
    ("path", "stores"),
    [
        ("{{ params.path }}", ["lake", "other"]),
        ("other:{{ params.path }}/*.csv", ["other"]),
        ("in/*.csv", None),
        ("s3://bucket/in.csv", None),
    ],
)
def test_the_stores_are_those_that_the_path_may_lead_to(path: str, stores: list[str] | None) -> None:
    found = row_stores(PUT, head=HEAD.replace("lake:in.csv", path))
    assert found == ({} if stores is None else {"put": stores})
