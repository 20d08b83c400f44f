"""E8: nothing on good definitions, exactly these findings on bad ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.support import ends, machine, processor, task
from portl_cli.engine import RULES, Finding, MachineError, check, load_machine

MACHINES = Path(__file__).parent / "machines"
GOOD = [json.loads(path.read_text()) for path in sorted(MACHINES.glob("*.asl.json"))]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2))


def found(definition, **options):
    return [(finding.code, finding.path) for finding in check(definition, **options)]


def in_pass(**fields):
    return machine({"p": {**ends(), **fields}})


def in_task(**fields):
    return machine({"t": task(**fields)})


def mapping(states, mode="INLINE", **fields):
    return {"Type": "Map", "ItemProcessor": processor(states, mode), "End": True, **fields}


def caught(*names, **fields):
    return {"ErrorEquals": list(names), "Next": "e", **fields}


def with_catch(*catchers):
    return machine({"t": task(Catch=list(catchers)), "e": ends()})


BAD = {
    "not an object": ([], [("S101", "$")]),
    "a state that is no object": ({**machine({"a": ends()}), "States": {"a": ends(), "b": 5}}, [("S101", "$.States.b")]),
    "JSONPath": ({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}, [("S102", "$.QueryLanguage")]),
    "a field nobody knows": (in_pass(Outputt=1), [("S103", "$.States.p.Outputt")]),
    "a field nobody knows in Retry": (
        in_task(Retry=[{"ErrorEquals": ["X"], "Attempts": 1}]),
        [("S103", "$.States.t.Retry[0].Attempts")],
    ),
    "an argument lambda:invoke lacks": (
        in_task(Arguments={"FunctionName": "f", "Input": 1}),
        [("S103", "$.States.t.Arguments.Input")],
    ),
    "a field of another state": (in_pass(Seconds=1), [("S104", "$.States.p.Seconds")]),
    "a field of JSONPath": (in_task(ResultPath="$.x"), [("S104", "$.States.t.ResultPath")]),
    "Retry on a Pass": (in_pass(Retry=[{"ErrorEquals": ["X"]}]), [("S104", "$.States.p.Retry")]),
    "a label on an inline Map": (machine({"m": mapping({"p": ends()}, Label="x")}), [("S104", "$.States.m.Label")]),
    "a field that is not run yet": (in_task(HeartbeatSeconds=5), [("S105", "$.States.t.HeartbeatSeconds")]),
    "tolerated failures": (
        machine({"m": mapping({"p": ends()}, "DISTRIBUTED", ToleratedFailureCount=1)}),
        [("S105", "$.States.m.ToleratedFailureCount")],
    ),
    "no StartAt": ({"QueryLanguage": "JSONata", "States": {"p": ends()}}, [("S106", "$")]),
    "no Arguments": (
        machine({"t": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}}),
        [("S106", "$.States.t")],
    ),
    "a Wait for nothing": (machine({"w": {"Type": "Wait", "End": True}}), [("S106", "$.States.w")]),
    "a Wait for two things": (
        machine({"w": {"Type": "Wait", "Seconds": 1, "Timestamp": "2025-01-01T00:00:00Z", "End": True}}),
        [("S106", "$.States.w")],
    ),
    "a distributed Map without a type of child": (
        machine(
            {
                "m": {
                    **mapping({"p": ends()}),
                    "ItemProcessor": {**processor({"p": ends()}), "ProcessorConfig": {"Mode": "DISTRIBUTED"}},
                }
            }
        ),
        [("S106", "$.States.m.ItemProcessor.ProcessorConfig")],
    ),
    "seconds below nothing": (
        machine({"w": {"Type": "Wait", "Seconds": -1, "End": True}}),
        [("S107", "$.States.w.Seconds")],
    ),
    "a backoff that shrinks": (
        in_task(Retry=[{"ErrorEquals": ["X"], "BackoffRate": 0.5}]),
        [("S107", "$.States.t.Retry[0].BackoffRate")],
    ),
    "a condition that is a text": (
        machine({"c": {"Type": "Choice", "Choices": [{"Condition": "x", "Next": "e"}]}, "e": ends()}),
        [("S107", "$.States.c.Choices[0].Condition")],
    ),
    "an empty list of errors": (with_catch(caught()), [("S107", "$.States.t.Catch[0].ErrorEquals")]),
    "a type that does not exist": (machine({"p": {"Type": "Pas", "End": True}}), [("S108", "$.States.p.Type")]),
    "another service": (
        in_task(Resource="arn:aws:states:::sqs:sendMessage", Arguments={"MessageBody": "x"}),
        [("S109", "$.States.t.Resource")],
    ),
    "a name of 81 characters": (machine({"x" * 81: ends()}), [("S201", f"$.States.{'x' * 81}")]),
    "one name inside and outside": (
        machine({"m": mapping({"m": ends()})}),
        [("S202", "$.States.m.ItemProcessor.States.m")],
    ),
    "a way to nowhere": (
        machine({"a": {"Type": "Pass", "Next": "bb"}, "b": ends()}),
        [("S203", "$.States.a.Next"), ("S204", "$.States.b"), ("S205", "$.States")],
    ),
    "a start that is not there": ({**machine({"a": ends()}), "StartAt": "b"}, [("S203", "$.StartAt")]),
    "a state that nothing leads to": (machine({"a": ends(), "b": ends()}), [("S204", "$.States.b")]),
    "a circle": (
        machine({"a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Pass", "Next": "a"}}),
        [("S205", "$.States")],
    ),
    "neither Next nor End": (machine({"a": {"Type": "Pass"}}), [("S205", "$.States"), ("S206", "$.States.a")]),
    "both Next and End": (machine({"a": {**ends(), "Next": "b"}, "b": ends()}), [("S206", "$.States.a")]),
    "a label with a space": (
        machine({"m": mapping({"x": ends()}, "DISTRIBUTED", Label="a b")}),
        [("S201", "$.States.m.Label")],
    ),
    "a label of 41 characters": (
        machine({"m": mapping({"x": ends()}, "DISTRIBUTED", Label="x" * 41)}),
        [("S201", "$.States.m.Label")],
    ),
    "a variable nothing assigns": (in_pass(Output="{% $nothing.x %}"), [("S301", "$.States.p.Output")]),
    "a variable read where it is assigned": (
        in_pass(Assign={"a": 1}, Output="{% $a %}"),
        [("S302", "$.States.p.Output")],
    ),
    "a variable that one way assigns": (
        machine(
            {
                "c": {
                    "Type": "Choice",
                    "Choices": [{"Condition": "{% true %}", "Assign": {"v": 1}, "Next": "e"}],
                    "Default": "e",
                },
                "e": ends("{% $v %}"),
            }
        ),
        [("S302", "$.States.e.Output")],
    ),
    "an outer variable in a distributed child": (
        machine(
            {
                "a": {"Type": "Pass", "Assign": {"v": 1}, "Next": "m"},
                "m": mapping({"x": ends("{% $v %}")}, "DISTRIBUTED"),
            }
        ),
        [("S303", "$.States.m.ItemProcessor.States.x.Output")],
    ),
    "an outer variable assigned inside": (
        machine(
            {
                "a": {"Type": "Pass", "Assign": {"v": 1}, "Next": "m"},
                "m": mapping({"x": ends(Assign={"v": 2})}),
            }
        ),
        [("S304", "$.States.m.ItemProcessor.States.x.Assign.v")],
    ),
    "a variable named states": (in_pass(Assign={"states": 1}), [("S305", "$.States.p.Assign.states")]),
    "a variable with a dash": (in_pass(Assign={"a-b": 1}), [("S305", "$.States.p.Assign['a-b']")]),
    "an expression that does not parse": (in_pass(Output="{% 1 + %}"), [("S401", "$.States.p.Output")]),
    "an empty expression": (in_pass(Output="{% %}"), [("S401", "$.States.p.Output")]),
    "a coalescing operator": (in_pass(Output="{% $states.input ?? 1 %}"), [("S402", "$.States.p.Output")]),
    "an elvis operator": (in_pass(Output="{% $states.input ?: 1 %}"), [("S402", "$.States.p.Output")]),
    "eval": (in_pass(Output=["{% $eval('1') %}"]), [("S402", "$.States.p.Output[0]")]),
    "eval handed on": (in_pass(Output="{% $map(['1'], $eval) %}"), [("S402", "$.States.p.Output")]),
    "a result where there is none": (in_pass(Output="{% $states.result %}"), [("S403", "$.States.p.Output")]),
    "a result before the task": (
        in_task(payload="{% $states.result.x %}"),
        [("S403", "$.States.t.Arguments.Payload")],
    ),
    "a result in a Catch": (
        with_catch(caught("X", Output="{% $states.result %}")),
        [("S403", "$.States.t.Catch[0].Output")],
    ),
    "an error where there is none": (in_task(Output="{% $states.errorOutput %}"), [("S403", "$.States.t.Output")]),
    "braces with something before them": (in_pass(Output=" {% 1 %}"), [("S404", "$.States.p.Output")]),
    "braces that do not close": (in_pass(Output="{% 1"), [("S404", "$.States.p.Output")]),
    "a name without a document": (in_pass(Output="{% rows.n %}"), [("S405", "$.States.p.Output")]),
    "the document itself": (in_pass(Output="{% $$.x %}"), [("S405", "$.States.p.Output")]),
    "States.ALL with another": (with_catch(caught("X", "States.ALL")), [("S501", "$.States.t.Catch[0].ErrorEquals")]),
    "States.ALL before another": (
        with_catch(caught("States.ALL"), caught("X")),
        [("S502", "$.States.t.Catch[0].ErrorEquals")],
    ),
    "an error that AWS does not have": (with_catch(caught("States.Boom")), [("S503", "$.States.t.Catch[0].ErrorEquals")]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_definition_has_exactly_these_findings(name):
    definition, expected = BAD[name]
    assert found(definition) == expected


def test_every_code_is_held_by_a_bad_definition_or_a_test_of_its_own():
    held = {code for _, expected in BAD.values() for code, _ in expected}
    assert held | {"S207", "S208", "S601"} == set(RULES)


def test_two_maps_with_one_label_are_told_both_places():
    first = {**mapping({"x": ends()}, "DISTRIBUTED", Label="l"), "Next": "n"}
    del first["End"]
    definition = machine({"m": first, "n": mapping({"y": ends()}, "DISTRIBUTED", Label="l")})
    assert check(definition) == [Finding("S207", "$.States.n.Label", "the label 'l' stands also at $.States.m.Label")]


def test_no_state_inside_a_map_leads_out_of_it():
    definition = machine({"m": {**mapping({"x": {"Type": "Pass", "Next": "e"}}), "Next": "e"}, "e": ends()})
    del definition["States"]["m"]["End"]
    inner = "$.States.m.ItemProcessor"
    assert found(definition) == [("S203", f"{inner}.States.x.Next"), ("S205", f"{inner}.States")]


def test_a_placeholder_that_the_template_does_not_fill_is_found_wherever_it_stands():
    definition = machine({"t": task("${KnownArn}", ["${env:PG_URL}"], Comment="${Other}")})
    assert found(definition, substitution_keys={"KnownArn"}) == [
        ("S601", "$.States.t.Arguments.Payload[0]"),
        ("S601", "$.States.t.Comment"),
    ]
    assert check(definition) == []


def test_a_finding_says_what_was_meant():
    [finding] = check(in_pass(Outputt=1))
    assert str(finding) == "$.States.p.Outputt S103 a Pass state has no field Outputt; did you mean Output?"


def test_jsonpath_is_refused_in_one_sentence():
    [finding] = check({"StartAt": "a", "States": {"a": {"Type": "Pass", "InputPath": "$.x", "End": True}}})
    assert finding.message == "this machine uses JSONPath, and Portl runs machines of the query language JSONata only"


def test_a_machine_with_findings_is_not_loaded_and_the_error_has_them_all():
    with pytest.raises(MachineError) as caught_error:
        load_machine(in_pass(Outputt=1, Seconds=1))
    assert [finding.code for finding in caught_error.value.findings] == ["S103", "S104"]


@pytest.mark.parametrize(
    "expression",
    [
        "$exists($v) ? $v : 0",
        "$map([1, 2], function($v) { $v * 2 })",
        "($v := 1; $v)",
        "$states.input.rows[code = 'a' and $.n > 1].n",
        "$states.input.rows^(>n).code",
        "$states.input.rows{code: n}",
        "$states.input.rows@$r.{'n': $r.n}",
        "$states.input ~> |rows|{'x': n}|",
        "$states.input.(a + b)",
        "$reduce([1, 2], function($sum, $one) { $sum + $one })",
        "$states.context.Execution.Name & ' ' & $states.context.State.Name",
        "$uuid() & $now()",
    ],
)
def test_names_that_an_expression_brings_itself_are_no_findings(expression):
    states = {
        "c": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Assign": {"v": 1}, "Next": "e"}], "Default": "e"},
        "e": ends("{% " + expression + " %}"),
    }
    assert check(machine(states)) == []


def test_a_variable_may_come_from_every_way_that_leads_there():
    states = {
        "t": task(Assign={"v": 1}, Next="e", Catch=[caught("States.ALL", Assign={"v": 2})]),
        "e": ends("{% $v %}"),
    }
    assert check(machine(states)) == []


def _places(data, place=()):
    yield place
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        yield from _places(value, (*place, key))


PLACES = [(at, place) for at, definition in enumerate(GOOD) for place in _places(definition) if place]


@given(st.sampled_from(PLACES), JSON)
def test_whatever_stands_anywhere_the_check_answers_and_what_it_lets_through_loads(where, junk):
    at, place = where
    definition = copy.deepcopy(GOOD[at])
    target = definition
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = junk
    if not check(definition):
        load_machine(definition)


@given(st.sampled_from(PLACES))
def test_a_field_that_nobody_knows_is_refused_in_every_object_of_the_language(where):
    at, place = where
    if {"Payload", "Assign", "Output", "ItemSelector"} & set(map(str, place)):
        return
    definition = copy.deepcopy(GOOD[at])
    target = definition
    for key in place:
        target = target[key]
    if isinstance(target, dict) and place[-1] != "States":
        target["Zzz"] = 1
        assert [finding.code for finding in check(definition)] == ["S103"]
