from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.support import ends, machine, raises, run, task
from portl_cli.engine import FakeClock, FakeHost


def test_a_pass_state_hands_its_input_on_unless_it_has_an_output():
    definition = machine({"a": {"Type": "Pass", "Next": "b"}, "b": ends({"got": "{% $states.input.n + 1 %}", "as": "it is"})})
    assert run(definition, {"n": 1}).output == {"got": 2, "as": "it is"}


def test_a_task_gives_the_function_its_payload_and_answers_as_lambda_invoke_does():
    host = FakeHost({"double": lambda event: event["n"] * 2})
    execution = run(machine({"t": task("double", {"n": "{% $states.input %}"})}), 21, host=host)
    assert execution.output == {"ExecutedVersion": "$LATEST", "Payload": 42, "StatusCode": 200}
    assert host.calls == [("double", {"n": 21})]


def test_a_task_may_name_its_function_by_arn():
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:double:live"
    assert run(machine({"t": task(arn, Output="{% $states.result.Payload %}")}), functions={"double": lambda _: 1}).output == 1


def test_a_task_without_a_payload_sends_an_empty_object():
    definition = machine({"t": {**task(), "Arguments": {"FunctionName": "f"}}})
    assert run(definition, functions={"f": lambda event: event}).output["Payload"] == {}


def test_a_function_that_the_host_does_not_have_fails_as_lambda_says_it():
    execution = run(machine({"t": task("nobody")}))
    assert (execution.status, execution.error) == ("FAILED", "Lambda.ResourceNotFoundException")


def test_a_function_name_that_is_no_text_is_a_query_evaluation_error():
    execution = run(machine({"t": task("{% $states.input %}")}), 5)
    assert execution.error == "States.QueryEvaluationError"
    assert "Arguments/FunctionName" in execution.cause


def test_arguments_that_evaluate_to_no_object_are_a_query_evaluation_error():
    execution = run(machine({"t": {**task(), "Arguments": "{% 1 %}"}}))
    assert execution.error == "States.QueryEvaluationError"


def test_assign_and_output_both_see_the_variables_as_they_were_before():
    states = {
        "a": {"Type": "Pass", "Assign": {"n": 1}, "Next": "b"},
        "b": {"Type": "Pass", "Assign": {"n": "{% $n + 1 %}"}, "Output": "{% $n %}", "Next": "c"},
        "c": ends(["{% $states.input %}", "{% $n %}"]),
    }
    assert run(machine(states)).output == [1, 2]


def test_the_first_rule_of_a_choice_that_is_true_is_taken():
    rule = {"Condition": "{% $states.input > 1 %}", "Next": "many", "Assign": {"by": "rule"}, "Output": "many"}
    states = {
        "c": {"Type": "Choice", "Choices": [rule], "Default": "few", "Assign": {"by": "default"}},
        "many": ends(["{% $states.input %}", "{% $by %}"]),
        "few": ends(["{% $states.input %}", "{% $by %}"]),
    }
    assert run(machine(states), 2).output == ["many", "rule"]
    assert run(machine(states), 1).output == [1, "default"]


def test_a_choice_with_no_way_to_go_fails_with_no_choice_matched():
    states = {"c": {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "e"}]}, "e": ends()}
    assert run(machine(states)).error == "States.NoChoiceMatched"


def test_a_condition_that_is_neither_true_nor_false_is_an_error():
    states = {"c": {"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "e"}]}, "e": ends()}
    assert run(machine(states)).error == "States.QueryEvaluationError"


def test_a_wait_of_an_hour_takes_no_time_on_a_fake_clock():
    clock = FakeClock()
    assert (
        run(machine({"w": {"Type": "Wait", "Seconds": "{% $states.input %}", "End": True}}), 3600, clock=clock).output == 3600
    )
    assert clock.slept == [3600]


def test_a_wait_until_a_timestamp_lasts_until_then_and_not_into_the_past():
    clock = FakeClock(datetime(2025, 1, 1, tzinfo=UTC))
    states = {
        "w": {"Type": "Wait", "Timestamp": "2025-01-01T00:01:30Z", "Next": "v"},
        "v": {"Type": "Wait", "Timestamp": "2024-01-01T00:00:00Z", "End": True},
    }
    assert run(machine(states), clock=clock).status == "SUCCEEDED"
    assert clock.slept == [90, 0]


@pytest.mark.parametrize("seconds", [-1, 1.5, "1", None, True])
def test_a_wait_of_anything_but_whole_seconds_is_an_error(seconds):
    execution = run(machine({"w": {"Type": "Wait", "Seconds": "{% $states.input %}", "End": True}}), seconds)
    assert execution.error == "States.QueryEvaluationError"


@pytest.mark.parametrize("moment", ["tomorrow", "2025-01-01T00:00:00"])
def test_a_timestamp_without_a_zone_or_sense_is_an_error(moment):
    execution = run(machine({"w": {"Type": "Wait", "Timestamp": moment, "End": True}}))
    assert execution.error == "States.QueryEvaluationError"


def test_succeed_ends_with_its_output():
    assert run(machine({"s": {"Type": "Succeed", "Output": {"n": "{% $states.input %}"}}}), 7).output == {"n": 7}


def test_fail_ends_with_its_error_and_cause():
    execution = run(machine({"f": {"Type": "Fail", "Error": "Mine", "Cause": "{% 'n is ' & $states.input %}"}}), 7)
    assert (execution.status, execution.error, execution.cause, execution.output) == ("FAILED", "Mine", "n is 7", None)


def test_the_branches_of_a_parallel_see_outer_variables_and_answer_in_their_order():
    branches = [{"StartAt": name, "States": {name: ends(f"{{% $n + {at} %}}")}} for at, name in enumerate("bc")]
    states = {
        "a": {"Type": "Pass", "Assign": {"n": 10}, "Next": "p"},
        "p": {"Type": "Parallel", "Branches": branches, "End": True},
    }
    assert run(machine(states)).output == [10, 11]


def test_a_failed_branch_fails_the_parallel_with_its_own_error():
    states = {"p": {"Type": "Parallel", "Branches": [{"StartAt": "t", "States": {"t": task()}}], "End": True}}
    assert run(machine(states), functions={"f": raises("Broken")}).error == "Broken"


def test_the_context_object_names_the_execution_the_state_and_the_machine():
    fields = ["Execution.Name", "Execution.Input", "Execution.StartTime", "State.Name", "State.RetryCount", "StateMachine.Name"]
    definition = machine({"here": ends([f"{{% $states.context.{field} %}}" for field in fields])})
    assert run(definition, {"a": 1}).output == ["run", {"a": 1}, "2025-01-01T00:00:00.000Z", "here", 0, "machine"]


def test_a_machine_that_runs_too_long_times_out_and_no_catch_sees_it():
    states = {"w": {"Type": "Wait", "Seconds": 100, "End": True}}
    clock = FakeClock()
    execution = run(machine(states, TimeoutSeconds=60), clock=clock)
    assert (execution.status, execution.error, clock.slept) == ("TIMED_OUT", "States.Timeout", [60])
    assert execution.history[-1]["type"] == "ExecutionTimedOut"


def test_a_function_that_outlasts_the_machine_times_it_out_before_the_next_state():
    clock = FakeClock()
    states = {"t": task(Next="e", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "e"}]), "e": ends()}
    execution = run(machine(states, TimeoutSeconds=60), clock=clock, functions={"f": lambda _: clock.advance(61)})
    assert execution.status == "TIMED_OUT"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "x" * 81, 'a"b'])
def test_an_execution_name_that_aws_refuses_is_refused(name):
    with pytest.raises(ValueError, match="cannot be named"):
        run(machine({"e": ends()}), name=name)


@pytest.mark.parametrize("data", [float("nan"), {"a": [float("inf")]}])
def test_an_input_that_is_no_json_is_refused(data):
    with pytest.raises(ValueError, match="JSON"):
        run(machine({"e": ends()}), data)
