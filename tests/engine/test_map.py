from __future__ import annotations

import pytest

from engine.support import ends, kinds, machine, processor, raises, run, task
from portl_cli.engine import FakeClock

MODES = pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])


def mapping(states, mode="INLINE", **fields):
    return {"Type": "Map", "Items": "{% $states.input %}", "ItemProcessor": processor(states, mode), "End": True, **fields}


@MODES
def test_results_stand_in_the_order_of_the_items(mode):
    definition = machine({"m": mapping({"t": ends("{% $states.input * 2 %}")}, mode)})
    assert run(definition, [3, 1, 2]).output == [6, 2, 4]


@MODES
def test_no_items_give_an_empty_list(mode):
    definition = machine({"m": mapping({"t": ends()}, mode, Items="{% [0..$states.input - 1] %}")})
    assert run(definition, 0).output == []


@MODES
def test_one_item_gives_a_list_of_one(mode):
    definition = machine({"m": mapping({"t": ends()}, mode, Items="{% [0..$states.input - 1] %}")})
    assert run(definition, 1).output == [0]


@MODES
def test_the_item_selector_sees_the_item_its_index_the_input_and_outer_variables(mode):
    selector = {"i": "{% $states.context.Map.Item.Index %}", "v": "{% $states.context.Map.Item.Value %}", "k": "{% $k %}"}
    states = {
        "a": {"Type": "Pass", "Assign": {"k": "outer"}, "Next": "m"},
        "m": mapping({"t": ends()}, mode, ItemSelector={**selector, "all": "{% $count($states.input) %}"}),
    }
    assert run(machine(states), ["x", "y"]).output == [
        {"i": 0, "v": "x", "k": "outer", "all": 2},
        {"i": 1, "v": "y", "k": "outer", "all": 2},
    ]


def test_items_may_be_written_out():
    definition = machine({"m": mapping({"t": ends()}, Items=[1, "{% $states.input %}"])})
    assert run(definition, 2).output == [1, 2]


@pytest.mark.parametrize("items", [None, {"a": 1}, "text", 5])
def test_items_that_are_no_array_are_a_query_evaluation_error(items):
    assert run(machine({"m": mapping({"t": ends()})}), items).error == "States.QueryEvaluationError"


def test_an_inline_item_reads_outer_variables_and_keeps_its_own_to_itself():
    states = {
        "a": {"Type": "Pass", "Assign": {"seen": "outer"}, "Next": "m"},
        "m": mapping(
            {
                "x": {"Type": "Pass", "Assign": {"mine": "{% $states.input %}"}, "Next": "y"},
                "y": ends("{% $seen & $mine %}"),
            },
            End=True,
        ),
    }
    assert run(machine(states), ["1", "2"]).output == ["outer1", "outer2"]


def test_the_second_item_does_not_see_what_the_first_assigned():
    inner = {
        "x": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $exists($mine) %}", "Next": "leaked"}],
            "Default": "z",
            "Assign": {"mine": 1},
        },
        "leaked": ends("leaked"),
        "z": ends("clean"),
    }
    assert run(machine({"m": mapping(inner)}), [1, 2]).output == ["clean", "clean"]


def test_a_distributed_child_is_an_execution_of_its_own():
    fields = ["Execution.Name", "Execution.Input", "State.Name"]
    inner = {"t": ends([f"{{% $states.context.{field} %}}" for field in fields])}
    execution = run(machine({"m": mapping(inner, "DISTRIBUTED", Label="part")}), ["a"])
    assert execution.output == [["run/part:0", "a", "t"]]


def test_an_item_of_an_inline_map_fails_it_with_its_own_error():
    execution = run(machine({"m": mapping({"t": task()})}), [1], {"f": raises("Broken", "by hand")})
    assert execution.error == "Broken"
    assert "by hand" in execution.cause


def test_the_parent_of_a_distributed_map_learns_only_that_the_threshold_was_passed():
    execution = run(machine({"m": mapping({"t": task()}, "DISTRIBUTED")}), [1, 2], {"f": raises("Broken", "by hand")})
    assert execution.error == "States.ExceedToleratedFailureThreshold"
    assert execution.cause == "The specified tolerated failure threshold was exceeded"


def test_the_first_failed_item_ends_the_map():
    seen = []
    definition = machine({"m": mapping({"t": task(payload={"n": "{% $states.input %}"})}, "DISTRIBUTED")})
    run(definition, [1, 2, 3], {"f": lambda event: seen.append(event["n"]) or 1 / (event["n"] - 2)})
    assert seen == [1, 2]


def test_a_catch_on_a_map_takes_what_its_children_raised():
    caught = {"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "e"}
    states = {"m": mapping({"t": task()}, "DISTRIBUTED", Catch=[caught]), "e": ends("{% $states.input.Error %}")}
    assert run(machine(states), [1], {"f": raises("Broken")}).output == "States.ExceedToleratedFailureThreshold"


def test_a_failing_item_selector_fails_the_map_and_not_a_child():
    definition = machine({"m": mapping({"t": ends()}, "DISTRIBUTED", ItemSelector={"x": "{% $states.input.nothing %}"})})
    execution = run(definition, [1])
    assert execution.error == "States.QueryEvaluationError"
    assert "ItemSelector/x" in execution.cause


def test_children_tell_their_history_under_their_own_names_and_leave_none_behind():
    events = []
    definition = machine({"m": mapping({"t": ends()}, "DISTRIBUTED", Label="part")})
    execution = run(definition, [1, 2], on_event=events.append)
    children = [event for event in events if event["execution"]]
    assert {event["execution"] for event in children} == {"run/part:0", "run/part:1"}
    assert [event["id"] for event in children] == [1, 2, 3, 4] * 2
    assert kinds(children[:4]) == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert execution.history == [event for event in events if not event["execution"]]


def test_transitions_count_the_map_and_every_state_of_every_child():
    states = {"x": {"Type": "Pass", "Next": "y"}, "y": ends()}
    assert run(machine({"m": mapping(states, "DISTRIBUTED")}), [1, 2, 3]).transitions == 1 + 3 * 2


def test_ten_thousand_children_leave_a_history_of_eight_events():
    definition = machine({"m": mapping({"t": ends(0)}, "DISTRIBUTED", Output="{% $sum($states.result) %}")})
    execution = run(definition, list(range(10_000)), on_event=lambda event: None)
    assert kinds(execution.history) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


def test_a_map_inside_a_distributed_child_names_its_children_after_it():
    inner = {**mapping({"t": ends("{% $states.context.Execution.Name %}")}, "DISTRIBUTED", Label="in"), "Items": [1]}
    execution = run(machine({"m": mapping({"n": inner}, "DISTRIBUTED", Label="out")}), [1])
    assert execution.output == [["run/out:0/in:0"]]


def test_the_machines_time_holds_in_children_too():
    clock, events = FakeClock(), []
    inner = {"w": {"Type": "Wait", "Seconds": 50, "End": True}}
    definition = machine({"m": mapping(inner, "DISTRIBUTED")}, TimeoutSeconds=60)
    assert run(definition, [1, 2], clock=clock, on_event=events.append).status == "TIMED_OUT"
    assert [event["type"] for event in events if event["execution"] == "run/m:1"][-1] == "ExecutionAborted"
