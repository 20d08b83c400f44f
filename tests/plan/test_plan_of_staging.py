"""The plan of a staged transaction is what its run then does: what is staged, and the statements of the commit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.staging_lab import RECORDS, SCHEMA, job_text
from flows.support import ROOT, portl
from plan.support import compare, done, planned
from portl_cli.embedded import Peer


@pytest.fixture
def given(tmp_path: Path, postgres_url: str, peer: Peer, query: Any) -> Any:
    """The arguments and variables of a project's job over a database with its tables."""
    for statement in SCHEMA.split(";\n"):
        query(statement)
    folder = tmp_path / "p" / "statemachines" / "lab"
    folder.mkdir(parents=True)
    for name in ("functions", "layers", "template.yaml"):
        (tmp_path / "p" / name).symlink_to(ROOT / name)
    text = job_text(size=2, calls=True, head='run_key: "{{ params.key }}"\n')
    text = text.replace("{items: {type: list}}", "{items: {type: list}, key: {type: string}}")
    (folder / "job.yaml").write_text(text, "utf-8")
    records = [*RECORDS[:2], {**RECORDS[2], "n": 7}, {**RECORDS[3], "n": "no number"}, RECORDS[7]]
    arguments = (str(folder / "job.yaml"), "--param", f"items={json.dumps(records)}", "--param", "key=k")
    return arguments, {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}


def test_a_staged_job_does_what_was_planned(tmp_path: Path, given: Any, query: Any) -> None:
    arguments, variables = given
    plan = planned(tmp_path, *arguments, "--sample", "5", **variables)
    assert query("SELECT count(*) FROM pg_class WHERE relname LIKE 'portl%'") == [(0,)]
    ended, run = done(tmp_path, *arguments, **variables)
    assert ended.code == 0, ended.err
    # whether a record has a result to be called with is the run's to know: its condition is shown as open
    compare([each for each in plan if each["kind"] != "request"], [each for each in run if each["kind"] != "request"])
    assert {each["kind"] for each in plan} >= {"stage", "begin", "merge", "commit", "request"}
    staged = [each for each in plan if each["kind"] == "stage"]
    assert [each["record"] for each in staged] == [0, 1, 4, 0, 1, 2, 3, 4]
    assert staged[0]["params"] == ["C0", "x", "Name 0", 0]
    merges = [each for each in plan if each["kind"] == "merge"]
    assert [(each["step"], each["table"], "portl_stage_<run>" in each["sql"]) for each in merges] == [
        ("item", "items", True),
        ("line", "lines", True),
    ]


def test_what_the_ledger_knows_is_planned_as_it_will_be_answered(tmp_path: Path, given: Any) -> None:
    arguments, variables = given
    assert done(tmp_path, *arguments, **variables)[0].code == 0
    plan = planned(tmp_path, *arguments, "--sample", "5", **variables)
    ended, run = done(tmp_path, *arguments, **variables)
    assert ended.code == 0, ended.err
    compare(plan, run)
    assert {each["kind"] for each in plan} & {"stage", "merge"} == set()
    assert [type(each["json"]["item"]) for each in plan if each["kind"] == "request"] == [int] * 3


def test_people_see_what_is_staged_and_the_statement_that_makes_rows_of_it(tmp_path: Path, given: Any) -> None:
    arguments, variables = given
    told = portl(tmp_path, "plan", *arguments, **variables).out
    assert 'staged: code="C0"  kind="x"  name="Name 0"  n=0' in told
    assert "begin on db, locking items, lines" in told
    assert '  item  db.upsert, db, table items\n      WITH w AS (INSERT INTO "items"' in told
    assert '"item": <item[0].id>' in told
