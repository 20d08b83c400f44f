from __future__ import annotations

import json
import re

import pytest

from engine.support import ends, kinds, machine, processor, raises, run, task

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_task_leaves_the_events_that_step_functions_writes():
    execution = run(machine({"t": task(payload={"n": 1}, TimeoutSeconds=9, Assign={"v": 5})}), {"a": 1}, {"f": lambda _: 2})
    result = '{"ExecutedVersion":"$LATEST","Payload":2,"StatusCode":200}'
    invoke = {"resourceType": "lambda", "resource": "invoke"}
    parameters = '{"FunctionName":"f","Payload":{"n":1}}'
    details = {event["type"]: {k: v for k, v in event.items() if k.endswith("Details")} for event in execution.history}
    assert details == {
        "ExecutionStarted": {
            "executionStartedEventDetails": {"input": '{"a":1}', "roleArn": "arn:aws:iam::000000000000:role/local"}
        },
        "TaskStateEntered": {"stateEnteredEventDetails": {"name": "t", "input": '{"a":1}'}},
        "TaskScheduled": {
            "taskScheduledEventDetails": {**invoke, "region": "local", "parameters": parameters, "timeoutInSeconds": 9}
        },
        "TaskStarted": {"taskStartedEventDetails": invoke},
        "TaskSucceeded": {"taskSucceededEventDetails": {**invoke, "output": result}},
        "TaskStateExited": {"stateExitedEventDetails": {"name": "t", "output": result, "assignedVariables": {"v": "5"}}},
        "ExecutionSucceeded": {"executionSucceededEventDetails": {"output": result}},
    }


def test_events_are_numbered_chained_and_dated_and_told_as_they_occur():
    told = []
    execution = run(machine({"p": ends()}), on_event=told.append)
    assert told == execution.history
    assert [(event["id"], event["previousEventId"]) for event in told] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert all(STAMP.fullmatch(event["timestamp"]) and event["execution"] == "" for event in told)
    json.dumps(told)


def test_a_failed_task_leaves_its_error_twice():
    execution = run(machine({"t": task()}), functions={"f": raises("Mine", "why")})
    *_, failed, ended = execution.history
    assert kinds([failed, ended]) == ["TaskFailed", "ExecutionFailed"]
    assert failed["taskFailedEventDetails"]["error"] == ended["executionFailedEventDetails"]["error"] == "Mine"
    assert json.loads(ended["executionFailedEventDetails"]["cause"])["errorMessage"] == "why"


def test_a_failed_expression_leaves_its_field():
    execution = run(machine({"p": ends("{% $states.input.nothing %}")}), {})
    details = execution.history[-2]["evaluationFailedEventDetails"]
    assert (details["location"], details["state"], details["error"]) == ("Output", "p", "States.QueryEvaluationError")


@pytest.mark.parametrize(("mode", "wanted"), [("INLINE", "MapIterationFailed"), ("DISTRIBUTED", "MapRunFailed")])
def test_a_failed_map_says_so_on_every_level(mode, wanted):
    mapping = {"Type": "Map", "ItemProcessor": processor({"t": task()}, mode), "End": True}
    execution = run(machine({"m": mapping}), [1], {"f": raises("X")})
    assert kinds(execution.history)[-3:] == [wanted, "MapStateFailed", "ExecutionFailed"]


def test_ctrl_c_goes_through_after_the_history_has_its_end():
    def interrupted(event):
        raise KeyboardInterrupt

    told = []
    mapping = {"Type": "Map", "ItemProcessor": processor({"t": task()}, "DISTRIBUTED"), "End": True}
    with pytest.raises(KeyboardInterrupt):
        run(machine({"m": mapping}), [1], {"f": interrupted}, on_event=told.append)
    assert [(event["type"], event["execution"]) for event in told[-2:]] == [
        ("ExecutionAborted", "run/m:0"),
        ("ExecutionAborted", ""),
    ]
