from __future__ import annotations

import pytest

from engine.support import ends, machine, processor, run, task

LIMIT = 256 * 1024


def test_a_state_may_answer_exactly_256_kib():
    text = "x" * (LIMIT - 2)
    assert run(machine({"p": ends("{% $states.input %}")}), text).output == text


@pytest.mark.parametrize("text", ["x" * (LIMIT - 1), "é" * (LIMIT // 2)])
def test_one_byte_of_utf8_more_is_too_much(text):
    assert run(machine({"p": ends()}), text).error == "States.DataLimitExceeded"


def test_what_is_put_together_by_a_state_is_measured_too():
    definition = machine({"p": ends(["{% $states.input %}", "{% $states.input %}"])})
    assert run(definition, "x" * 200_000).error == "States.DataLimitExceeded"


def test_the_results_of_a_map_are_measured_together():
    mapping = {"Type": "Map", "ItemProcessor": processor({"t": ends("x" * 60_000)}), "Output": 1, "End": True}
    execution = run(machine({"m": mapping}), [1] * 5)
    assert execution.error == "States.DataLimitExceeded"


def test_a_functions_answer_is_measured_before_output_can_make_it_small():
    definition = machine({"t": task(Output=1)})
    assert run(definition, functions={"f": lambda _: "x" * LIMIT}).error == "States.DataLimitExceeded"


def test_an_execution_ends_at_25000_events_with_an_error_that_nothing_catches():
    states = {"a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Pass", "Next": "a"}, "c": ends()}
    states["b"] = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "c"}], "Default": "a"}
    execution = run(machine(states))
    assert execution.error == "States.Runtime"
    assert len(execution.history) <= 25_000
    assert execution.history[-1]["type"] == "ExecutionFailed"
