"""What Step Functions and EventBridge make of it, as far as moto plays them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from flows.support import load_function
from portl.errors import RunError
from portl.triggers import StepFunctions, execution_name, start_event, use_starter
from triggers.support import DROPPED, NIGHTLY, event

REGION = "eu-central-1"
KEYS = {"region_name": REGION, "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        made = boto3.client("stepfunctions", **KEYS)
        yield made
        made.close()


@pytest.fixture
def machine(client: Any) -> str:
    iam = boto3.client("iam", **KEYS)
    role = iam.create_role(RoleName="machine", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.close()
    found: str = client.create_state_machine(name="portl-dev-sync", definition=PASS, roleArn=role)["stateMachineArn"]
    return found


def request(machine: str, spec: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    return {"job": "sync", "machine": machine, "trigger": spec, "event": sent}


def executions(client: Any, machine: str) -> list[str]:
    return [each["name"] for each in client.list_executions(stateMachineArn=machine)["executions"]]


def test_an_event_starts_one_execution_of_its_name_with_its_parameters(client: Any, machine: str) -> None:
    found = start_event(request(machine, DROPPED, event("s3_object_created")), StepFunctions(client))
    execution = client.describe_execution(executionArn=f"{machine.replace('stateMachine', 'execution')}:{found['run']}")
    assert (executions(client, machine), json.loads(execution["input"])) == (
        [found["run"]],
        {"path": "s3://amzn-s3-demo-bucket1/resources/2026-11-12.csv"},
    )


def test_the_function_itself_starts_the_execution_of_its_event_file(client: Any, machine: str) -> None:
    use_starter(StepFunctions(client))
    try:
        found = load_function("start_run")(event("start_run"), None)
    finally:
        use_starter(None)
    execution = client.describe_execution(executionArn=f"{machine.replace('stateMachine', 'execution')}:{found['run']}")
    assert (found["what"], json.loads(execution["input"])["version"]) == ("started", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")


def test_nothing_of_aws_is_loaded_before_an_execution_is_started() -> None:
    code = """import sys; from portl.triggers import current_starter; current_starter()
print([name for name in ("boto3", "obstore", "pg8000") if name in sys.modules])"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_the_same_event_is_one_execution_while_it_goes_on_when_it_is_over_and_after_the_job_has_changed(
    client: Any, machine: str
) -> None:
    sent, starter = request(machine, DROPPED, event("s3_object_created")), StepFunctions(client)
    first = start_event(sent, starter)
    assert start_event(sent, starter)["run"] == first["run"]
    client.stop_execution(executionArn=f"{machine.replace('stateMachine', 'execution')}:{first['run']}")
    changed = request(machine, {**DROPPED, "params": {"path": "another"}}, event("s3_object_created"))
    assert start_event(changed, starter) == {"run": first["run"], "what": "known"}
    assert executions(client, machine) == [first["run"]]


def test_a_schedule_skips_what_falls_into_a_run_and_begins_the_next(client: Any, machine: str) -> None:
    starter = StepFunctions(client)
    first = start_event(request(machine, NIGHTLY, event("schedule")), starter)
    later = request(machine, NIGHTLY, {**event("schedule"), "time": "2026-11-13T05:00:00Z"})
    assert start_event(later, starter)["what"] == "skipped"
    client.stop_execution(executionArn=f"{machine.replace('stateMachine', 'execution')}:{first['run']}")
    assert start_event(later, starter)["what"] == "started"
    assert len(executions(client, machine)) == 2


def test_since_is_read_off_the_executions_that_succeeded_page_by_page(machine: str) -> None:
    """The answers are of the shape of https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html."""

    def listed(*names: str) -> list[dict[str, Any]]:
        about = {"stateMachineArn": machine, "status": "SUCCEEDED", "startDate": datetime(2026, 11, 12, tzinfo=UTC)}
        return [{"executionArn": f"{machine}:{name}", "name": name, **about} for name in names]

    last = execution_name("sync", "nightly", ("2026-11-11T05:00:00Z",), "20261111050000")
    asked = {"stateMachineArn": machine, "statusFilter": "SUCCEEDED"}
    made = boto3.client("stepfunctions", **KEYS)
    spec = {**NIGHTLY, "overlap": "allow", "params": {"since": "{{ event.since }}"}}
    name = execution_name("sync", "nightly", ("2026-11-12T05:00:00Z",), "20261112050000")
    with Stubber(made) as stubbed:
        stubbed.add_response("list_executions", {"executions": listed("by-hand"), "nextToken": "more"}, asked)
        stubbed.add_response("list_executions", {"executions": listed(last)}, {**asked, "nextToken": "more"})
        started = {"executionArn": f"{machine}:{name}", "startDate": datetime(2026, 11, 12, tzinfo=UTC)}
        given = {"stateMachineArn": machine, "name": name, "input": '{"since": "2026-11-11T05:00:00Z"}'}
        stubbed.add_response("start_execution", started, given)
        assert start_event(request(machine, spec, event("schedule")), StepFunctions(made)) == {"run": name, "what": "started"}
        stubbed.assert_no_pending_responses()
    made.close()


def test_a_queued_start_waits_until_lists_show_it(client: Any, machine: str) -> None:
    found = start_event(request(machine, {**NIGHTLY, "overlap": "queue"}, event("schedule")), StepFunctions(client))
    assert (found["what"], StepFunctions(client).is_running(machine, "another")) == ("started", True)


def test_a_machine_that_is_not_there_is_told_for_good(client: Any, machine: str) -> None:
    with pytest.raises(RunError, match=r"R192 the run sync-.* cannot be started: .*StateMachineDoesNotExist"):
        StepFunctions(client).start(f"{machine}x", "sync-a-1", {})


def test_a_throttled_start_is_to_be_tried_again() -> None:
    made = boto3.client("stepfunctions", **KEYS)
    with Stubber(made) as stubbed:
        stubbed.add_client_error("start_execution", "ThrottlingException", "Rate exceeded", http_status_code=400)
        with pytest.raises(RunError, match="R193") as raised:
            StepFunctions(made).start("arn:aws:states:eu-central-1:111122223333:stateMachine:m", "sync-a-1", {})
    made.close()
    assert raised.value.outcome == "Transient"
