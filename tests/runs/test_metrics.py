"""What functions tell of their Tasks as metrics, in CloudWatch's embedded format (bundle.md A5, stores.md P7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.test_layers import first_task
from portl.connections import Connections
from portl.errors import StepError, Transient
from portl.jobs import Retry
from portl.runs import handle
from portl.runs._metrics import metered
from portl.runs._records import attempt
from portl.steps.api_call import STEP as CALL
from portl.steps.csv_read import STEP as READ

READS = """\
version: 2
job: reads
connections: {files: {type: local, root: "%s"}}
steps:
  - {id: read, type: csv.read, path: "files:*.csv"}
"""
FAILS = """\
version: 2
job: calls
connections: {api: {type: http, base_url: "http://127.0.0.1:1"}}
steps:
  - {id: call, type: api.call, connection: api, path: /x}
"""


class Context:
    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Switches metrics on; answers what has been printed since: dimensions, and metrics with their units."""
    monkeypatch.setenv("PORTL_METRICS", "portl-test")
    monkeypatch.setenv("PORTL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PORTL_LOG", str(tmp_path / "log.jsonl"))

    def printed() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return printed


def values(document: dict[str, Any]) -> dict[str, float]:
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    return {metric["Name"]: sum(document[metric["Name"]]) for metric in directive["Metrics"]}


def test_a_task_tells_records_failures_and_duration_of_its_step_type_and_calls_of_stores_by_operation(
    tmp_path: Path, told: Any
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("code,secret\n1,planted\n2,planted\n", "utf-8")
    _, event = first_task(READS % (tmp_path / "in"))
    handle(READ, event, Context())
    first, *stores = told()
    assert (first["stack"], first["step_type"]) == ("portl-test", "csv.read")
    counted = values(first)
    assert counted.pop("Duration") >= 0
    assert counted == {"Records": 2, "DeadLetters": 0, "Failures": 0}
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Portl", [["stack", "step_type"], ["stack"]])
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}["Duration"] == "Seconds"
    assert stores
    for each in stores:
        assert {"operation", "StoreCalls", "StoreRetries", "StoreFailures", "StoreSeconds"} < each.keys()
        assert values(each)["StoreCalls"] >= 1
    text = json.dumps([first, *stores])
    assert ("planted" in text, "a.csv" in text) == (False, False)


def test_a_task_that_fails_is_a_failure_of_its_step_type(told: Any) -> None:
    _, event = first_task(FAILS)
    with pytest.raises(Transient):
        handle(CALL, event, Context())
    (only,) = told()
    assert (only["step_type"], values(only)["Failures"]) == ("api.call", 1)


def test_an_attempt_that_is_made_again_is_a_retry_of_the_step_that_asked_for_it(told: Any) -> None:
    left = [1, 1]

    def call() -> str:
        if left:
            left.pop()
            raise StepError("refused", code="R199", outcome="Transient")
        return "done"

    with metered("db_transaction") as meter:
        assert meter is not None
        meter.types["call"] = "api.call"
        assert attempt(call, Retry(max_attempts=3, backoff_ms=1), 1.0, "call") == "done"
        meter.tell(1.5)
    found = {document["step_type"]: values(document) for document in told()}
    assert found == {"api.call": {"Retries": 2}, "db_transaction": {"Failures": 0, "Duration": 1.5}}


def test_answers_of_a_store_are_no_failures_of_it_and_attempts_beyond_the_first_are_retries(told: Any) -> None:
    call = {"store": "s3://lake", "operation": "open", "path": "a?X-Amz-Signature=planted", "seconds": 0.25}
    with metered("csv.read") as meter:
        assert meter is not None
        meter.called({**call, "attempts": 3, "error": "Unavailable"})
        meter.called({**call, "attempts": 1, "error": "NotFound"})
        meter.tell(0)
    _, stores = told()
    assert values(stores) == {"StoreCalls": 2, "StoreRetries": 2, "StoreFailures": 1, "StoreSeconds": 0.5}
    assert "planted" not in json.dumps(stores)


def test_where_nobody_asks_for_metrics_nothing_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTL_METRICS", "")
    monkeypatch.setenv("PORTL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PORTL_LOG", str(tmp_path / "log.jsonl"))
    (tmp_path / "a.csv").write_text("code\n1\n", "utf-8")
    _, event = first_task(READS % tmp_path)
    handle(READ, event, Context())
    assert capsys.readouterr().out == ""


def test_every_store_of_a_task_tells_its_calls() -> None:
    told: list[Any] = []
    with Connections({"files": {"type": "local", "root": "."}}) as connections:
        connections.on_call = told.append
        connections.get("files").exists("nothing-of-that-name")
        connections.file("files:nothing-of-that-name").store.exists("x")
    assert [call["path"] for call in told] == ["nothing-of-that-name", "x"]
