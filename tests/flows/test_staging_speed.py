"""What staging is for, as a ratio within one run: the transaction itself takes a fraction of the time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from flows.staging_lab import HEAD, Lab

COUNT = 5_000
TIMES = 5
"""Measured: 15 to 39 times."""
STEPS = """steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: item
    type: db.upsert
    batch: {from: "{{ steps.read.rows }}", as: row, size: 1000}
    table: items
    key: [code]
    mapping: {code: "{{ row.code }}", name: "{{ row.name }}", n: {from: "{{ row.n }}", type: int}}
"""


def transaction_seconds(lab: Lab, file: Path, *, staging: bool) -> float:
    head = HEAD.replace("{items: {type: list}}", "{items: {type: list}, path: {type: string}}")
    job = f"{head}transaction: {{scope: db, connection: db, staging: {str(staging).lower()}}}\n{STEPS}"
    ended = lab.run(job, [], path=str(file))
    assert ended.status == "SUCCEEDED", ended.cause
    at = {
        event["type"]: datetime.fromisoformat(event["timestamp"])
        for event in ended.history
        if "item in one transaction" in str(event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails"))
    }
    return (at["TaskStateExited"] - at["TaskStateEntered"]).total_seconds()


def test_the_transaction_of_a_staged_job_takes_a_fraction_of_the_time(lab: Lab, query: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("code,name,n\n" + "".join(f"C{at * 7919 % 100_003},Name {at},{at}\n" for at in range(COUNT)), "utf-8")
    seconds = {}
    for staging in (True, False):
        query("DROP TABLE IF EXISTS items")
        query("CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE, name text, n int)")
        seconds[staging] = transaction_seconds(lab, file, staging=staging)
        assert query("SELECT count(*), count(DISTINCT code) FROM items") == [(COUNT, COUNT)]
    assert seconds[False] > TIMES * seconds[True]
