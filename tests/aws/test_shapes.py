"""What is read of Step Functions: against moto where it has an answer, and recorded shapes where it has none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from flows.support import FLOW_A
from portl_cli.commands._display import PlainDisplay
from portl_cli.commands._on_aws.following import Follower
from portl_cli.commands._on_aws.history import MOST_CHILDREN, History, children_of, label_of
from portl_cli.commands._project import compiled
from portl_cli.commands._watch import Watch
from stores.backends import s3_endpoint

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
ARN = "arn:aws:states:eu-central-1:123456789012:execution:portl-dev-job:one"
MAP_RUN = "arn:aws:states:eu-central-1:123456789012:mapRun:portl-dev-job/enrich:5f9c"
KEYS = {"region_name": "eu-central-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@pytest.fixture
def client() -> Iterator[Any]:
    made = boto3.client("stepfunctions", **KEYS)
    yield made
    made.close()


def event(number: int, kind: str, **details: Any) -> dict[str, Any]:
    moment = BEGAN + timedelta(seconds=number)
    return {"id": number, "previousEventId": number - 1, "timestamp": moment, "type": kind, **details}


def asked(token: str | None = None) -> dict[str, Any]:
    return {"executionArn": ARN, "maxResults": 1000, **({"nextToken": token} if token else {})}


def test_a_history_that_grows_is_read_on_from_its_last_page_and_each_event_is_told_once(client: Any) -> None:
    first, second = event(1, "ExecutionStarted"), event(2, "PassStateEntered", stateEnteredEventDetails={"name": "a"})
    third, fourth, fifth = event(3, "PassStateExited"), event(4, "PassStateEntered"), event(5, "ExecutionSucceeded")
    with Stubber(client) as aws:
        aws.add_response("get_execution_history", {"events": [first, second], "nextToken": "page-2"}, asked())
        aws.add_response("get_execution_history", {"events": [third]}, asked("page-2"))
        aws.add_response("get_execution_history", {"events": [third, fourth]}, asked("page-2"))
        aws.add_client_error("get_execution_history", "InvalidToken", "expired", 400, expected_params=asked("page-2"))
        aws.add_response("get_execution_history", {"events": [first, second, third, fourth, fifth]}, asked())
        history = History(client, ARN)
        looks = [[found["id"] for found in history.new()] for _ in range(3)]
        aws.assert_no_pending_responses()
    assert looks == [[1, 2, 3], [4], [5]]


def test_an_event_is_told_in_the_form_that_a_run_of_this_machine_writes(client: Any) -> None:
    with Stubber(client) as aws:
        aws.add_response("get_execution_history", {"events": [event(1, "ExecutionStarted")]})
        assert [*History(client, ARN).new()] == [
            {"id": 1, "previousEventId": 0, "timestamp": "2026-11-25T12:00:01.000+00:00", "type": "ExecutionStarted"}
            | {"execution": ""}
        ]


def test_a_history_of_moto_is_read() -> None:
    states = boto3.client("stepfunctions", endpoint_url=s3_endpoint(), **KEYS)
    role = "arn:aws:iam::123456789012:role/machine"
    machine = states.create_state_machine(name="portl-shapes", definition="{}", roleArn=role)["stateMachineArn"]
    started = states.start_execution(stateMachineArn=machine, name="one", input="{}")
    found = [*History(states, started["executionArn"]).new()]
    assert [each["type"] for each in found][:2] == ["ExecutionStarted", "PassStateEntered"]
    assert all(datetime.fromisoformat(each["timestamp"]).tzinfo for each in found)
    states.delete_state_machine(stateMachineArn=machine)
    states.close()


class Recorded:
    """Step Functions with a Map Run of so many children, one of which failed."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read: list[str] = []

    def describe_map_run(self, **_: Any) -> dict[str, Any]:
        none = dict.fromkeys(("pending", "running", "timedOut", "aborted", "resultsWritten"), 0)
        return {"itemCounts": {**none, "total": self.count, "succeeded": self.count - 1, "failed": 1}}

    def list_executions(self, statusFilter: str | None = None, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        numbers = {"FAILED": [self.count - 1], None: range(self.count)}.get(statusFilter, [])
        arns = (f"arn:aws:states:eu-central-1:123456789012:execution:portl-dev-job/enrich:{number}" for number in numbers)
        return {"executions": [{"executionArn": arn} for arn in arns][:MOST_CHILDREN]}

    def get_execution_history(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if executionArn == ARN:
            return {"events": self.own()}
        self.read.append(executionArn)
        number = int(executionArn.rpartition(":")[2])
        entered = {"stateEnteredEventDetails": {"name": "enrich"}}
        last = "ExecutionFailed" if number == self.count - 1 else "ExecutionSucceeded"
        started = event(1, "ExecutionStarted", executionStartedEventDetails={"input": f'{{"chunk": {number}}}'})
        return {"events": [started, event(2, "TaskStateEntered", **entered), event(3, last)]}

    def own(self) -> list[dict[str, Any]]:
        entered = {"stateEnteredEventDetails": {"name": "enrich per chunk"}}
        begun = {"mapRunStartedEventDetails": {"mapRunArn": MAP_RUN}}
        return [
            event(1, "ExecutionStarted", executionStartedEventDetails={"input": "{}"}),
            event(2, "MapStateEntered", **entered),
            event(3, "MapStateStarted", mapStateStartedEventDetails={"length": self.count}),
            event(4, "MapRunStarted", **begun),
            event(5, "MapRunFailed", mapRunFailedEventDetails={"error": "States.ExceedToleratedFailureThreshold"}),
            event(6, "ExecutionFailed", executionFailedEventDetails={"error": "E", "cause": "C"}),
        ]


def test_of_many_children_those_that_failed_are_read_first_and_no_more_than_aws_likes() -> None:
    states = Recorded(10_000)
    found = children_of(states, MAP_RUN)
    assert (found.count, found.read, len(states.read), states.read[0][-5:]) == (10_000, MOST_CHILDREN, MOST_CHILDREN, ":9999")
    assert {each["execution"] for each in found.events} >= {"enrich:9999", "enrich:0"}
    assert label_of(MAP_RUN) == "enrich"


def test_the_transitions_of_children_that_were_not_read_are_counted_as_those_that_were(tmp_path: Path) -> None:
    definition = {"States": {"enrich per chunk": {"Type": "Map"}}}
    out = io.StringIO()
    watch = Watch(replace(compiled(FLOW_A)[1], definition=definition), tmp_path, PlainDisplay(out))
    states = Recorded(1_000)
    ended = Follower(states, ARN, watch, PlainDisplay(out), lambda _: None).follow()
    watch.close()
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "E", "C")
    assert (ended.transitions, watch.course.children) == (1 + 1_000, 1_000)
    assert [each.chunk for each in watch.course.troubled.values()] == [999]
    assert "    enrich, chunks: 1,000 of 1,000" in out.getvalue()
