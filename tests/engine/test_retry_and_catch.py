from __future__ import annotations

import json
import time
from random import Random

import pytest

from engine.support import ends, machine, raises, run, task
from portl_cli.engine import FakeClock


def flaky(failures, name="Transient"):
    """Fails so many times, then answers how often it was called."""
    calls = []

    def function(event):
        calls.append(event)
        if len(calls) <= failures:
            raises(name)(event)
        return len(calls)

    return function


def retried(*retriers, failures=99, clock=None, **fields):
    return run(
        machine({"t": task(Retry=list(retriers), **fields)}), functions={"f": flaky(failures)}, clock=clock or FakeClock()
    )


def test_a_retry_waits_longer_each_time_and_takes_no_real_time():
    clock, began = FakeClock(), time.monotonic()
    retrier = {"ErrorEquals": ["Transient"], "IntervalSeconds": 100, "BackoffRate": 3, "MaxAttempts": 4}
    assert retried(retrier, failures=4, clock=clock).output["Payload"] == 5
    assert clock.slept == [100, 300, 900, 2700]
    assert time.monotonic() - began < 1


def test_a_retry_that_says_nothing_makes_three_attempts_after_one_two_and_four_seconds():
    clock = FakeClock()
    assert retried({"ErrorEquals": ["Transient"]}, clock=clock).error == "Transient"
    assert clock.slept == [1, 2, 4]


def test_max_delay_bounds_the_wait_however_far_the_backoff_has_grown():
    clock = FakeClock()
    retried(
        {"ErrorEquals": ["Transient"], "BackoffRate": 10.0, "MaxAttempts": 400, "MaxDelaySeconds": 60},
        failures=999,
        clock=clock,
    )
    assert clock.slept == [1, 10] + [60] * 398


def test_full_jitter_waits_between_nothing_and_the_whole_delay():
    clock = FakeClock()
    retrier = {"ErrorEquals": ["Transient"], "IntervalSeconds": 8, "JitterStrategy": "FULL"}
    run(machine({"t": task(Retry=[retrier])}), functions={"f": flaky(9)}, clock=clock, random=Random(7))  # noqa: S311 - a seed that both sides know
    expected = Random(7)  # noqa: S311
    assert clock.slept == [expected.uniform(0, delay) for delay in (8, 16, 32)]


def test_max_attempts_zero_never_retries_and_hides_later_retriers():
    clock = FakeClock()
    never = {"ErrorEquals": ["Transient"], "MaxAttempts": 0}
    assert retried(never, {"ErrorEquals": ["States.ALL"]}, clock=clock).error == "Transient"
    assert clock.slept == []


def test_every_retrier_has_a_counter_of_its_own():
    names = iter(["A", "B", "A", "B", "A"])
    retriers = [{"ErrorEquals": [name], "MaxAttempts": 2, "IntervalSeconds": at} for at, name in enumerate("AB", 1)]
    clock = FakeClock()

    def flaky_by_name(event):
        raises(next(names))(event)

    execution = run(machine({"t": task(Retry=retriers)}), functions={"f": flaky_by_name}, clock=clock)
    assert (execution.error, clock.slept) == ("A", [1, 2, 2, 4])


def test_counters_begin_anew_when_a_state_is_entered_again():
    answers = iter([False, True, False, True])
    states = {
        "a": {"Type": "Pass", "Assign": {"n": 0}, "Next": "t"},
        "t": task(Retry=[{"ErrorEquals": ["X"], "MaxAttempts": 1}], Assign={"n": "{% $n + 1 %}"}, Next="c"),
        "c": {"Type": "Choice", "Choices": [{"Condition": "{% $n < 2 %}", "Next": "t"}], "Default": "e"},
        "e": ends("{% $n %}"),
    }
    assert run(machine(states), functions={"f": lambda e: next(answers) or raises("X")(e)}).output == 2


def test_the_retry_count_is_in_the_context_and_arguments_are_evaluated_anew():
    seen = []

    def function(event):
        seen.append(event["n"])
        if len(seen) < 3:
            raises("Transient")(event)

    definition = machine(
        {"t": task(payload={"n": "{% $states.context.State.RetryCount %}"}, Retry=[{"ErrorEquals": ["Transient"]}])}
    )
    assert run(definition, functions={"f": function}).status == "SUCCEEDED"
    assert seen == [0, 1, 2]


def test_every_attempt_is_a_transition():
    assert retried({"ErrorEquals": ["Transient"]}, failures=2).transitions == 3


def test_retry_comes_before_catch():
    clock = FakeClock()
    states = {
        "t": task(Retry=[{"ErrorEquals": ["X"], "MaxAttempts": 1}], Catch=[{"ErrorEquals": ["X"], "Next": "e"}]),
        "e": ends("caught"),
    }
    assert run(machine(states), functions={"f": raises("X")}, clock=clock).output == "caught"
    assert clock.slept == [1]


def test_what_is_caught_is_the_output_unless_the_catch_has_its_own():
    states = {"t": task(Catch=[{"ErrorEquals": ["Mine"], "Next": "e"}]), "e": ends()}
    output = run(machine(states), functions={"f": raises("Mine", "why")}).output
    assert output["Error"] == "Mine"
    cause = json.loads(output["Cause"])
    assert (cause["errorType"], cause["errorMessage"]) == ("Mine", "why")
    assert "raise error(message)" in cause["stackTrace"][-1]


def test_a_catch_assigns_and_answers_with_the_error_and_the_states_input():
    catcher = {
        "ErrorEquals": ["RetryAfter"],
        "Assign": {"wait_s": "{% $number($parse($states.errorOutput.Cause).errorMessage) %}"},
        "Output": "{% $states.input %}",
        "Next": "w",
    }
    states = {"t": task(Catch=[catcher]), "w": {"Type": "Wait", "Seconds": "{% $wait_s %}", "End": True}}
    clock = FakeClock()
    assert run(machine(states), {"a": 1}, {"f": raises("RetryAfter", "30")}, clock=clock).output == {"a": 1}
    assert clock.slept == [30]


def test_an_error_without_a_cause_has_none_in_the_error_output():
    clock = FakeClock()
    states = {
        "t": task(
            TimeoutSeconds=5, Catch=[{"ErrorEquals": ["States.Timeout"], "Output": "{% $states.errorOutput %}", "Next": "e"}]
        ),
        "e": ends(),
    }
    execution = run(machine(states), functions={"f": lambda _: clock.advance(6)}, clock=clock)
    assert execution.output == {"Error": "States.Timeout"}


def test_an_expression_that_fails_in_a_catch_is_not_caught_again():
    catcher = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.input.nothing %}", "Next": "e"}
    execution = run(machine({"t": task(Catch=[catcher]), "e": ends()}), functions={"f": raises("X")})
    assert execution.error == "States.QueryEvaluationError"
    assert "Catch[0]/Output" in execution.cause


@pytest.mark.parametrize("field", ["Output", "Assign", "Arguments"])
def test_a_failing_expression_of_a_task_can_be_caught_by_name(field):
    wrong = {"FunctionName": "f", "Payload": {"x": "{% $states.input.nothing %}"}}
    states = {"t": task(Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "e"}]), "e": ends("caught")}
    states["t"][field] = wrong
    assert run(machine(states), functions={"f": lambda _: 1}).output == "caught"


def test_an_expression_that_finds_nothing_says_which_and_where():
    execution = run(machine({"p": ends({"a": ["{% $states.input.nothing %}"]})}), {})
    assert execution.cause == (
        "An error occurred while executing the state 'p' (entered at the event id #2). The JSONata expression "
        "'$states.input.nothing' specified for the field 'Output/a[0]' returned nothing (undefined)."
    )
