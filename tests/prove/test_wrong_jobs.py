"""A job that is wrong on purpose is found, and one that cannot be proved says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import FLOW_A, portl
from portl_cli.embedded import Peer
from prove.support import APPEND, THREE, Workshop, prove

pytestmark = pytest.mark.postgres

TOKEN = """version: 2
job: token
params: {path: {type: string, required: true}}
run_key: "{{ checksum(params.path) }}"
connections:
  maker: {type: lambda, function: "maker.py:token"}
  notify: {type: http, base_url: "${env:NOTIFY_URL}", headers: {Authorization: "Bearer ${secret:notify/token}"}}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - {id: make, type: lambda.invoke, connection: maker, payload: {}}
  - id: tell
    type: api.call
    connection: notify
    batch: {from: "{{ steps.read.rows }}", as: row}
    method: POST
    path: /tokens
    json: {name: "{{ row.name }}", token: "{{ steps.make.token }}"}
"""
MAKER = "import uuid\n\ndef token(event, context):\n    return {'token': str(uuid.uuid4())}\n"

AUDITED = """version: 2
job: audited
connections:
  pg_main: {type: postgres, url: "${env:PG_URL}"}
  auditor: {type: lambda, function: "auditor.py:audit"}
steps:
  - {id: audit, type: lambda.invoke, connection: auditor, payload: {}}
  - {id: look, type: db.query_one, sql: SELECT 1 AS one}
"""
AUDITOR = """import os
from urllib.parse import urlsplit

from pg8000.native import Connection


def audit(event, context):
    at = urlsplit(os.environ["PG_URL"])
    connection = Connection(at.username, host=at.hostname, port=at.port, password=at.password, database=at.path[1:])
    connection.run("INSERT INTO audit (note) VALUES ('seen')")
    connection.close()
    return {}
"""


def test_a_request_that_is_another_one_when_it_is_sent_again_is_found(tmp_path: Path, workshop: Workshop) -> None:
    job = workshop.write(TOKEN, maker=MAKER)
    proven = prove(tmp_path, job, "--param", f"path={THREE}", "--points", "3")
    assert (proven.code, len(proven.differing)) == (1, 3), proven.err
    assert [(each["where"], each["name"]) for each in proven.began["not_compared"]] == [("POST /tokens", "body.token")]
    assert {each.partition(": ")[0] for each in proven.told} == {"POST /tokens"}
    assert {each.partition(": ")[2].partition(": ")[0] for each in proven.told} == {
        "sent again under its key with another body.token"
    }


def test_an_effect_that_no_ledger_knows_of_is_found_where_it_is_done_twice(tmp_path: Path, workshop: Workshop) -> None:
    schema = "CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);"
    job = workshop.write(AUDITED, schema, auditor=AUDITOR)
    proven = prove(tmp_path, job)
    assert (proven.code, proven.began["rerun"]) == (1, False), proven.err
    found = {(point["step"], point["kind"], point["side"]) for point in proven.differing}
    assert found == {("audit", "invocation", "after")}
    assert proven.told == {'audit id 2: a row too many: {"id": 2, "note": "seen"}'}


def test_the_servers_that_the_environment_names_are_not_touched(
    tmp_path: Path, workshop: Workshop, postgres_url: str, peer: Peer, query: Any
) -> None:
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}
    job = workshop.write((FLOW_A / "job.yaml").read_text("utf-8"), (FLOW_A / "schema.sql").read_text("utf-8"))
    ended = portl(tmp_path, "prove", str(job), "--param", f"path={THREE}", "--points", "1", **variables)
    assert (ended.code, ended.err) == (0, ""), ended.err
    assert "  NOTIFY_URL, PG_URL of the environment are set and not used\n" in ended.out
    assert ended.out.endswith("\n0 differences at 1 crash point\n")
    assert (peer.calls(), query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == ([], [(0,)])


def test_a_job_that_fails_undisturbed_is_not_crashed(tmp_path: Path, workshop: Workshop) -> None:
    job = workshop.write(APPEND)
    proven = prove(tmp_path, job, "--param", f"path={THREE}")
    assert (proven.code, proven.points) == (1, [])
    assert proven.err.startswith("R161 the job fails even when nothing disturbs it: D105 there is no table notes\n")


def test_a_job_that_never_does_the_same_twice_is_not_compared(tmp_path: Path, workshop: Workshop) -> None:
    maker = MAKER.replace("{", "{'some': list(range(uuid.uuid4().int % 89)), ")
    rows = '{from: "{{ steps.make.some }}", as: row}'
    text = TOKEN.replace('{from: "{{ steps.read.rows }}", as: row}', rows).replace("{{ row.name }}", "{{ row }}")
    proven = prove(tmp_path, workshop.write(text, maker=maker), "--param", f"path={THREE}")
    assert (proven.code, proven.points) == (1, [])
    assert proven.err.startswith("R162 two undisturbed runs of the job differ")


def test_a_function_on_aws_is_not_called(tmp_path: Path, workshop: Workshop) -> None:
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:maker"
    job = workshop.write(TOKEN.replace("maker.py:token", arn))
    proven = prove(tmp_path, job, "--param", f"path={THREE}")
    assert (proven.code, proven.points) == (3, [])
    assert proven.err.startswith("V140 maker calls a function on AWS, and a proof stays here\n")


def test_a_whole_address_leads_to_the_peer_and_secrets_stay_where_they_are(tmp_path: Path, workshop: Workshop) -> None:
    """The job names an API by its whole address; the proof's peer takes the call, with a made-up secret."""
    text = TOKEN.replace("path: /tokens", "url: https://api.example.com/tokens?v=2").replace("steps.make.token", "row.code")
    job = workshop.write(text, maker=MAKER)
    proven = prove(tmp_path, job, "--param", f"path={THREE}", "--points", "3", PORTL_SECRET_NOTIFY_TOKEN="planted-5ecret")
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")
    assert proven.began["not_used"] == ["PORTL_SECRET_NOTIFY_TOKEN"]
    assert "planted-5ecret" not in json.dumps([proven.began, proven.points])
