"""E4: what AWS limits bites here too, at the limit and one over it.

Functions in processes: ``test_processes.py``. How many at once: ``test_concurrency.py``.
"""

from __future__ import annotations

import json

import pytest

from engine.support import ends, machine, processor, run, task
from portl_cli.engine import NO_LIMITS, Function, InlineHost, Limits, MachineError, Succeeded, check, load_machine

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


def test_the_figures_are_those_that_aws_documents():
    assert Limits() == Limits(
        state=262_144,
        variable=262_144,
        variables=10_485_760,
        events=25_000,
        request=6_291_456,
        response=6_291_556,
        definition=1_048_576,
    )


@pytest.mark.parametrize(("over", "wanted"), [(0, "SUCCEEDED"), (1, "FAILED")])
def test_an_execution_fails_when_it_reaches_the_most_events(over, wanted):
    """Each Pass leaves two events, the execution itself two more."""
    names = [f"p{at}" for at in range(48 + over)]
    states = {name: {"Type": "Pass", "Next": after} for name, after in zip(names, [*names[1:], "end"], strict=True)}
    execution = run(machine({**states, "end": ends()}), limits=Limits(events=102))
    assert (execution.status, execution.error) == (wanted, "States.Runtime" if over else None)
    assert len(execution.history) <= 102


def assigning(count: int, size: int) -> dict:
    """So many states that each set one variable of that size in bytes."""
    text = "x" * (size - 2)
    states = {f"s{at}": {"Type": "Pass", "Assign": {f"v{at}": text}, "Next": f"s{at + 1}"} for at in range(count)}
    return machine({**states, f"s{count}": ends("done")})


@pytest.mark.parametrize(("size", "wanted"), [(LIMIT, None), (LIMIT + 1, "States.DataLimitExceeded")])
def test_a_variable_has_at_most_256_kib(size, wanted):
    assert run(assigning(1, size)).error == wanted


@pytest.mark.parametrize(("size", "wanted"), [(LIMIT // 2, None), (LIMIT // 2 + 1, "States.DataLimitExceeded")])
def test_the_variables_of_one_assign_have_at_most_256_kib_together(size, wanted):
    text = "é" * (size // 2 - 1) + "x" * (size % 2)
    states = {"a": {"Type": "Pass", "Assign": {"one": text, "two": text}, "Next": "b"}, "b": ends("done")}
    assert run(machine(states)).error == wanted


@pytest.mark.parametrize(("more", "wanted"), [(0, None), (3, "States.DataLimitExceeded")])
def test_all_variables_have_at_most_10_mib(more, wanted):
    definition = assigning(40, LIMIT)
    if more:
        definition["States"]["s40"] = {**ends("done"), "Assign": {"little": "x" * (more - 2)}}
    assert run(load_anyway(definition), limits=Limits()).error == wanted


def load_anyway(definition: dict) -> dict:
    """A definition with long texts in it, made short: they come out of one variable instead."""
    for state in definition["States"].values():
        for name, value in state.get("Assign", {}).items():
            state["Assign"][name] = f"{{% $pad('', {len(value)}, 'x') %}}"
    return definition


def test_too_large_a_variable_is_caught_by_all_and_sets_nothing():
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "e", "Output": "{% $states.errorOutput.Error %}"}]
    big = {"v": "{% $states.result.Payload & $pad('', 200000, 'x') %}"}
    states = {"t": task(Assign=big, Catch=caught, Next="e"), "e": ends(["{% $states.input %}", "{% $exists($v) %}"])}
    execution = run(machine(states), functions={"f": lambda _: "y" * 200_000})
    assert execution.output == ["States.DataLimitExceeded", False]


def test_a_variable_that_is_set_again_or_was_an_items_own_takes_its_room_once():
    inner = {"a": {"Type": "Pass", "Assign": {"mine": f"{{% $pad('', {LIMIT - 2}, 'x') %}}"}, "Next": "b"}, "b": ends(1)}
    mapping = {"Type": "Map", "Items": "{% [1..50] %}", "ItemProcessor": processor(inner), "End": True, "Output": "done"}
    assert run(machine({"m": mapping})).output == "done"


NAMES = [("state", 80), ("label", 40), ("machine", 80), ("execution", 80)]


def named(what: str, name: str) -> str:
    """Runs a machine in which something has this name."""
    states = {name: ends("done")} if what == "state" else {"p": ends("done")}
    if what == "label":
        states = {
            "m": {
                "Type": "Map",
                "Label": name,
                "ItemProcessor": processor(states, "DISTRIBUTED"),
                "Output": "done",
                "End": True,
            }
        }
    definition = machine(states)
    if what == "machine":
        return run(definition, [], load={"name": name}).output
    return run(definition, [], name=name if what == "execution" else "run").output


@pytest.mark.parametrize(("what", "most"), NAMES)
def test_a_name_has_at_most_so_many_characters(what, most):
    assert named(what, "n" * most) == "done"
    with pytest.raises(ValueError if what == "execution" else MachineError):
        named(what, "n" * (most + 1))


def test_a_definition_has_at_most_1_mib():
    definition = machine({"p": ends("done", Comment="")})
    room = 1024 * 1024 - len(json.dumps(definition, indent=2))
    definition["States"]["p"]["Comment"] = "é" * room
    assert check(definition) == []
    definition["States"]["p"]["Comment"] += "é"
    assert [(finding.code, finding.path) for finding in check(definition)] == [("S208", "$")]
    assert check(definition, limits=NO_LIMITS) == []


@pytest.mark.parametrize(("size", "wanted"), [(0, None), (1, "Lambda.RequestEntityTooLargeException")])
def test_an_inline_function_gets_at_most_6_mb(tmp_path, size, wanted):
    (tmp_path / "app.py").write_text("def handler(event, context): return len(event)")
    answer = InlineHost({"F": Function("F", tmp_path, "app.handler")}).invoke("F", "x" * (6_291_454 + size))
    assert answer == Succeeded(6_291_454) if wanted is None else answer.error_type == wanted


@pytest.mark.parametrize(("size", "wanted"), [(0, None), (1, "Function.ResponseSizeTooLarge")])
def test_an_inline_function_answers_at_most_6_mb_and_100_bytes(tmp_path, size, wanted):
    (tmp_path / "app.py").write_text("def handler(event, context): return 'x' * event")
    answer = InlineHost({"F": Function("F", tmp_path, "app.handler")}).invoke("F", 6_291_554 + size)
    assert answer == Succeeded("x" * 6_291_554) if wanted is None else answer.error_type == wanted


def test_without_limits_no_size_and_no_number_of_events_ends_an_execution():
    text = "x" * LIMIT
    states = {
        "a": {"Type": "Pass", "Assign": {"v": "{% $states.input %}"}, "Next": "t"},
        "t": task(payload="{% $v %}", Output=1),
    }
    execution = run(machine(states), text, {"f": lambda event: event * 2}, limits=NO_LIMITS)
    assert execution.status == "SUCCEEDED"
    inner = {"p": ends("{% $states.context.Map.Item.Index %}")}
    mapping = {"Type": "Map", "ItemProcessor": processor(inner), "Output": "{% $count($states.result) %}", "End": True}
    execution = run(machine({"m": mapping}), [0] * 7_000, limits=NO_LIMITS)
    assert (execution.output, len(execution.history) > 25_000) == (7_000, True)


def test_without_limits_a_definition_may_be_long():
    definition = machine({"p": ends("done", Comment="x" * 2_000_000)})
    assert load_machine(definition, limits=NO_LIMITS).name == "machine"
