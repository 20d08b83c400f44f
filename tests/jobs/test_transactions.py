import pytest

from portl.jobs import arrange, neighbours, touches_same
from portl.steps import STEP_TYPES

FIELDS = {
    "db.insert": {"table": "t", "mapping": {"a": 1}},
    "db.query_one": {"sql": "SELECT 1"},
    "api.call": {"path": "/x"},
    "lambda.invoke": {},
    "csv.read": {"path": "x"},
    "conditional": {"if": "{{ true }}"},
}


def step(id_, kind, **fields):
    raw = {"id": id_, "type": kind, **FIELDS[kind], **fields}
    return STEP_TYPES[kind].model_validate(raw, context={"step_types": STEP_TYPES})


def parts(*steps, inline=False):
    found = arrange(steps, inline=inline)
    ids = [[each.id for each in part] for part in (found.before, found.inside, found.after)]
    return ids, [(problem[0], problem[1]) for problem in found.problems]


FIRST, LAST = step("a", "db.insert"), step("z", "db.insert")


@pytest.mark.parametrize(
    ("middle", "inline", "expected"),
    [
        ([step("c", "api.call")], False, ([[], ["a", "z"], ["c"]], [])),
        ([step("c", "api.call")], True, ([[], ["a", "c", "z"], []], [])),
        ([step("r", "csv.read")], False, ([["r"], ["a", "z"], []], [])),
        ([step("r", "csv.read", path="{{ steps.a.id }}")], False, ([[], ["a", "z"], ["r"]], [])),
    ],
)
def test_what_stands_between_two_database_steps_goes_where_it_can(middle, inline, expected):
    assert parts(FIRST, *middle, LAST, inline=inline) == expected


READERS = {
    "directly": [step("z", "db.insert", mapping={"a": "{{ steps.c.json }}"})],
    "in a when": [step("z", "db.insert", when="{{ steps.c.status == 200 }}")],
    "through a step": [
        step("d", "lambda.invoke", payload="{{ steps.c.json }}"),
        step("z", "db.insert", mapping={"a": "{{ steps.d }}"}),
    ],
}


@pytest.mark.parametrize("how", READERS)
def test_a_call_whose_answer_a_later_database_step_reads_is_refused(how):
    assert ("c", "J302") in parts(FIRST, step("c", "api.call"), *READERS[how])[1]
    assert parts(FIRST, step("c", "api.call"), *READERS[how], inline=True)[1] == []


def test_a_step_that_reads_the_open_transaction_and_is_read_in_it_is_refused():
    middle = step("r", "csv.read", path="{{ steps.a.id }}")
    assert parts(FIRST, middle, step("z", "db.insert", mapping={"a": "{{ steps.r.count }}"}))[1] == [("r", "J305")]


def test_a_call_beside_a_database_step_in_one_conditional_is_refused():
    both = [{"id": "w", "type": "db.insert", **FIELDS["db.insert"]}, {"id": "c", "type": "api.call", "path": "/x"}]
    assert parts(step("if_", "conditional", then=both))[1] == [("c", "J305")]


def test_without_a_database_step_everything_stands_before():
    assert parts(step("c", "api.call")) == ([["c"], [], []], [])


def test_neighbours_are_steps_over_the_same_records():
    each, other = {"from": "{{ steps.r.rows }}"}, {"from": "{{ steps.q.rows }}"}
    steps = [step("a", "api.call", batch=each), step("b", "api.call", batch={"from": "{{  steps.r.rows  }}"}),
             step("c", "api.call", batch=other), step("d", "api.call"), step("e", "api.call")]  # fmt: skip
    assert [[one.id for one in group] for group in neighbours(steps)] == [["a", "b"], ["c"], ["d"], ["e"]]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (FIRST, LAST, True),
        (FIRST, step("u", "db.insert", table="other"), False),
        (FIRST, step("q", "db.query_one"), True),
        (step("p", "db.query_one"), step("q", "db.query_one"), False),
        (FIRST, step("c", "api.call"), False),
    ],
)
def test_the_order_of_two_steps_matters_when_one_writes_what_the_other_touches(one, other, expected):
    assert touches_same(one, other) is touches_same(other, one) is expected
