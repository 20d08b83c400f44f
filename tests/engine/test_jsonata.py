"""JSONata as Step Functions evaluates it: plain JSON comes out, whatever the library makes of it inside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.support import ends, machine, run
from portl_cli.engine import FakeClock, load_machine

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def evaluated(expression, data=None, **options):
    execution = run(machine({"p": ends("{% " + expression + " %}")}), data, **options)
    assert execution.status == "SUCCEEDED", execution.cause
    return execution.output


def failed(expression, data=None):
    execution = run(machine({"p": ends("{% " + expression + " %}")}), data)
    assert execution.error == "States.QueryEvaluationError"
    return execution.cause


@given(st.integers(-50, 50), st.integers(-50, 50))
def test_a_range_is_every_whole_number_from_first_to_last(first, last):
    output = evaluated("[$states.input.a..$states.input.b]", {"a": first, "b": last})
    assert output == list(range(first, last + 1))
    assert all(type(number) is int for number in output)


@given(JSON)
def test_what_goes_in_comes_out_the_same_by_either_way(data):
    assert evaluated("$states.input", data) == data
    # The parentheses keep the expression from the shortcut for plain paths.
    assert evaluated("($states.input)", data) == data
    assert evaluated("{'a': $states.input}", data) == {"a": data}


@given(st.integers(-(2**50), 2**50), st.integers(-(2**50), 2**50))
def test_whole_numbers_stay_whole(left, right):
    total = evaluated("$states.input.l + $states.input.r", {"l": left, "r": right})
    assert (total, type(total)) == (left + right, int)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[0..-1]", []),
        ("[$states.input.one]", [1]),
        ("$states.input.empty", []),
        ("$states.input.none", None),
        ("null", None),
        ("$states.input.none = null", True),
        ("$exists($states.input.none)", True),
        ("$exists($states.input.nothing)", False),
        ("$map($states.input.nulls, function($v) { $v = null })", [False, True]),
        ("$states.input.nulls[1]", None),
        ("$sum([])", 0),
        ("6 / 2", 3),
        ("7 / 2", 3.5),
        ("$number('30')", 30),
        ("$states.input.rows[code = 'b'].n", 2),
        ("$states.input.rows.n", [1, 2]),
        ("$parse('{\"a\": [1]}')", {"a": [1]}),
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(1, 9, 4)", [1, 5, 9]),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$random(7) = $random(7)", True),
        ("$length($uuid())", 36),
        ("$map(['1', '2'], $parse)", [1, 2]),
        ("($x := 2; $x * 2)", 4),
        ("$substring('abc', 0, 2)", "ab"),
    ],
)
def test_expressions_give_plain_json(expression, expected):
    data = {"one": [1], "empty": [], "none": None, "nulls": [1, None], "rows": [{"code": "a", "n": 1}, {"code": "b", "n": 2}]}
    assert evaluated(expression, data) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "$number('x')",
        "'a' + 1",
        "$error('mine')",
        "function($x) { $x }",
        "$uppercase",
        "/a/",
        "$parse('{')",
        "$hash('a', 'X')",
    ],
)
def test_what_is_stopped_or_is_no_json_is_a_query_evaluation_error(expression):
    assert "threw an error during evaluation" in failed(expression)


@pytest.mark.parametrize("expression", ["$states.input.a.b", "$states.input[5]", "[][0]", "$states.input.list.x"])
def test_what_finds_nothing_is_a_query_evaluation_error(expression):
    assert "returned nothing (undefined)" in failed(expression, {"a": 1, "list": [1]})


def test_now_is_the_engines_time():
    clock = FakeClock(datetime(2030, 5, 6, tzinfo=UTC))
    assert evaluated("$now()", clock=clock) == "2030-05-06T00:00:00.000Z"
    assert evaluated("$millis()", clock=clock) == int(clock.now().timestamp() * 1000)


def test_evaluating_leaves_the_input_as_it_was():
    states = {
        "a": {"Type": "Pass", "Assign": {"v": {"b": [None, 1]}}, "Next": "b"},
        "b": {"Type": "Pass", "Assign": {"w": "{% $v ~> |$|{'c': 2}| %}"}, "Next": "c"},
        "c": ends(["{% $v %}", "{% $w %}"]),
    }
    assert run(machine(states)).output == [{"b": [None, 1]}, {"b": [None, 1], "c": 2}]


def test_one_machine_can_run_in_many_threads_at_once():
    definition = machine({"p": ends("{% $sum([0..$states.input].($ * 1)) %}")})
    load_machine(definition)
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda n: run(definition, n).output, range(200)))
    assert outputs == [n * (n + 1) // 2 for n in range(200)]
