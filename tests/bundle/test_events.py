"""Every function does what its event file asks, under AWS's own runtime client (bundle.md V3, V3b).

The same files work with ``sam local invoke -e tests/events/<function>.json --env-vars tests/events/env.json``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from bundle.documents import ROOT
from conftest import connect
from portl_cli.embedded import Peer
from portl_cli.engine import Failed, Hook, IsolateHost, Succeeded, load_template
from stores.backends import s3_endpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client runs on Linux only")
EVENTS = ROOT / "tests" / "events"
FUNCTIONS = load_template(ROOT / "template.yaml").functions
FOLDERS = {function.code_dir.name: name for name, function in FUNCTIONS.items()}
BEGAN = {"run": {"id": "sample"}}
DONE = {**BEGAN, "done": True}
ONE = {**BEGAN, "records": 0, "failed": 0}
"""A database step outside a batch: of no list."""
READ = {"ref": "/sample/results/read.rows", "count": 2, "size": 500, "chunks": 1, "file": "files:in/orders.csv"}


def rows(step: str, count: int) -> dict[str, Any]:
    return {**BEGAN, "rows": {"ref": f"/sample/results/{step}.rows", "count": count, "size": 500, "chunks": 1}}


ANSWERS: dict[str, Any] = {
    "api_call": DONE,
    "batch_items": rows("records_of_told", 2),
    "conditional": {**BEGAN, "branch": "then"},
    "csv_read": {**BEGAN, "rows": READ},
    "db_commit": {"records": 2, "failed": 0},
    "db_insert": ONE,
    "db_query_many": {**ONE, **rows("found", 2), "lists": {"found": rows("found", 2)["rows"]}},
    "db_query_one": ONE,
    "db_stage": {"records": 2, "failed": 0},
    "db_transaction": ONE,
    "db_update": ONE,
    "db_upsert": ONE,
    "dead_letter": {"failed": 2},
    "feed": {"batch_id": "2026-11", "records": 300},
    "file_write": {"done": True},
    "ingestor": {"md5": "36c7dcf11c05a863566e39fb00816dc6", "slug": "a-name", "status": "published"},
    "lambda_invoke": DONE,
    "start_run": {"run": "X", "what": "started"},
    "outbox_drain": {"delivered": 1, "failed": 0, "dead": 0, "lost": 0},
    "outbox_enqueue": ONE,
    "store_copy": DONE,
    "store_delete": DONE,
    "store_exists": DONE,
    "store_list": rows("listed", 1),
    "store_move": DONE,
    "store_sign": DONE,
    "store_wait": {**DONE, "wait": 0},
}
FOLLOWS = {
    "file_write": ["csv_read"],
    "dead_letter": ["csv_read"],
    "db_stage": ["csv_read"],
    "db_commit": ["csv_read", "db_stage"],
}
"""Events that go on with a run need what began it."""
FOLLOWS |= {"outbox_drain": ["outbox_enqueue"], "db_query_many": ["csv_read", "db_stage", "db_commit"]}


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text("utf-8"))


def test_every_function_has_its_event() -> None:
    there = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert there - {path.stem for path in EVENTS.glob("*.json")} == set()


Invoke = Callable[..., Any]


@cache
def machine_of_the_event() -> str:
    """Step Functions of moto, with the state machine that the event of start_run names; its endpoint."""
    arn = event("start_run")["machine"].split(":")
    keys = {"region_name": arn[3], "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("stepfunctions", endpoint_url=s3_endpoint(), **keys)
    name = arn[-1]
    definition = {"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}
    client.create_state_machine(name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/r")
    client.close()
    return s3_endpoint()


@pytest.fixture
def invoke(tmp_path: Path, postgres_url: str, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs functions by their folders, each with its event, and answers what the last one does."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "orders.csv").write_text("code,amount\nA,1\nB,2\n", "utf-8")
    with connect(postgres_url) as connection:
        connection.run("CREATE TABLE orders (code text PRIMARY KEY, amount integer NOT NULL)")
    given = {"FILES": str(tmp_path), "PG_URL": postgres_url, "API_URL": peer.url, "PORTL_SECRET_S3": "testing"}
    given |= {"PORTL_RUNS": str(tmp_path / "runs"), "PORTL_LOG": ""}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    calls = Hook("portl_cli.commands._functions:install", {"folders": FOLDERS, "job_folder": str(tmp_path), "specs": []})
    printed: list[str] = []

    def run(*names: str, seconds: float | None = None, **change: Any) -> Any:
        functions = {name: replace(each, timeout=seconds or each.timeout) for name, each in FUNCTIONS.items()}
        with IsolateHost(functions, hooks=[calls], on_output=printed.append, slots=1) as host:
            answers = [host.invoke(FOLDERS[name], {**event(name), **change}) for name in names]
        return answers[-1]

    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", machine_of_the_event())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    run.printed = printed  # type: ignore[attr-defined]
    return run


@pytest.mark.postgres
@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_function_answers_its_event(invoke: Invoke, name: str) -> None:
    answer = invoke(*FOLLOWS.get(name, ()), name)
    assert isinstance(answer, Succeeded), (answer, invoke.printed)
    assert shown(answer.payload) == ANSWERS[name]


def shown(answer: Any) -> Any:
    """An answer without the name of the attempt that made it; of records that stand in it only how many there are."""
    plain = json.loads(re.sub(r"/attempts/\w{8}/", "/", json.dumps(answer)))
    if "what" in plain:
        plain["run"] = "X"  # named after the event
    return {name: len(value) if isinstance(value, list) else value for name, value in plain.items()}


@pytest.mark.postgres
def test_a_function_that_fails_answers_an_error_document_and_keeps_the_error_in_the_run(invoke: Invoke, tmp_path: Path) -> None:
    answer = invoke("conditional", run={**event("conditional")["run"], "input": {}})
    assert isinstance(answer, Failed)
    assert (answer.error_type, answer.error_message.split()[0]) == ("Permanent", "R101")
    kept = json.loads((tmp_path / "runs" / "sample" / "errors" / "choose.json").read_text("utf-8"))
    assert (kept["outcome"], kept["code"]) == ("Permanent", "R101")


@pytest.mark.postgres
def test_a_function_tells_what_it_did_as_lines_of_json_with_the_runs_and_the_steps_ids(invoke: Invoke) -> None:
    invoke("store_list")
    lines = [json.loads(line) for line in invoke.printed if line.startswith("{")]
    assert [(line["run"], line["step_id"], line["event"]) for line in lines] == [("sample", "listed", "task done")]


def test_an_event_of_more_than_6_mb_never_reaches_a_function() -> None:
    with IsolateHost(FUNCTIONS, slots=1) as host:
        answer = host.invoke("FeedFunction", {"batch_id": "x" * 6 * 1024 * 1024})
    assert isinstance(answer, Failed)
    assert answer.error_type == "Lambda.RequestEntityTooLargeException"
