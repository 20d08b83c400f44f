"""What counts as a difference, what is left out, and what a request sent twice must be."""

from __future__ import annotations

from typing import Any

import pytest

from portl_cli.prove._comparison import KEY, LeftOut, differences, left_out, repeated
from portl_cli.prove._database import Table
from portl_cli.prove._stage import State


def state(*rows: dict[str, Any], calls: tuple[dict[str, Any], ...] = (), key: tuple[str, ...] = ("id",)) -> State:
    return State({"notes": Table(key, rows)}, calls)


def call(key: str, body: Any, path: str = "/a", **headers: str) -> dict[str, Any]:
    return {"method": "POST", "path": path, "headers": {KEY: key, **headers}, "body": body}


def told(wanted: State, found: State) -> list[str]:
    return [str(each) for each in differences(wanted, found, ())]


ROW = {"id": 1, "code": "A"}


def test_the_same_rows_in_another_order_are_no_difference() -> None:
    other = {"id": 2, "code": "B"}
    assert told(state(ROW, other), state(other, ROW)) == []


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (state(), 'notes id 1: the row is missing: {"code": "A", "id": 1}'),
        (state(ROW, {"id": 2, "code": "A"}), 'notes id 2: a row too many: {"code": "A", "id": 2}'),
        (state({"id": 1, "code": "B"}), 'notes id 1: code is "B" instead of "A"'),
        (State({}, ()), "notes: the table is missing"),
    ],
)
def test_a_difference_names_table_row_and_column(found: State, text: str) -> None:
    assert told(state(ROW), found) == [text]


def test_rows_without_a_key_are_counted() -> None:
    wanted, found = state(ROW, key=()), state(ROW, ROW, key=())
    assert told(wanted, found) == ['notes (no key): a row too many: {"code": "A", "id": 1}']


@pytest.mark.parametrize(
    ("calls", "text"),
    [
        ((), 'POST /a: never sent: {"n": 1}'),
        ((call("k", {"n": 1}), call("l", {"n": 1})), 'POST /a: sent, and should not be: {"n": 1}'),
        ((call("k", {"n": 2}),), "POST /a: body.n is 2 instead of 1"),
        ((call("k", {"n": 1}, "/b"),), 'POST /a: url is "/b" instead of "/a"'),
    ],
)
def test_a_request_that_is_missing_too_many_or_another_is_named(calls: tuple[dict[str, Any], ...], text: str) -> None:
    assert told(state(calls=(call("k", {"n": 1}),)), state(calls=calls)) == [text]


def test_a_request_sent_again_is_the_same_in_all_of_it_or_a_difference() -> None:
    assert list(repeated([call("k", {"n": 1}), call("k", {"n": 1})])) == []
    found = [str(each) for each in repeated([call("k", {"n": 1}, run="1"), call("k", {"n": 2}, run="2")])]
    assert found == [
        "POST /a: sent again under its key with another body.n: 2 after 1",
        'POST /a: sent again under its key with another headers.run: "2" after "1"',
    ]


def test_what_differs_between_two_undisturbed_runs_is_left_out_and_said() -> None:
    one = state({"id": 1, "at": "10:00"}, calls=(call("k", {"items": [{"at": 1}]}),))
    other = state({"id": 1, "at": "10:01"}, calls=(call("k", {"items": [{"at": 2}]}),))
    apart = left_out(one, other)
    assert apart == (LeftOut("notes", "at", '"10:00"', '"10:01"'), LeftOut("POST /a", "body.items[0].at", "1", "2"))
    assert str(apart[0]) == 'notes at: "10:00" in one undisturbed run, "10:01" in another'
    assert differences(one, other, apart) == []


def test_keys_that_are_new_in_every_run_are_left_out_and_a_request_sent_once_more_is_still_found() -> None:
    one, other = (state(calls=(call(key, {"n": 1}),)) for key in ("k", "l"))
    apart = left_out(one, other)
    assert [(each.where, each.name) for each in apart] == [("POST /a", "key")]
    assert differences(one, other, apart) == []
    twice = state(calls=(call("x", {"n": 1}), call("y", {"n": 1})))
    assert [each.what for each in differences(one, twice, apart)] == ['sent, and should not be: {"n": 1}']


def test_more_rows_or_requests_are_no_matter_of_columns() -> None:
    assert left_out(state(ROW), state(ROW, {"id": 2, "code": "B"})) == ()
    assert left_out(state(calls=(call("k", 1),)), state(calls=(call("l", 1), call("m", 1)))) == ()


@pytest.mark.parametrize(
    ("found", "texts"),
    [
        ({"lake:a": "1"}, []),
        ({}, ["lake:a: the file is missing"]),
        ({"lake:a": "2", "lake:b": "1"}, ["lake:a: its content is another", "lake:b: the file is there and should not be"]),
    ],
)
def test_files_are_compared_by_their_names_and_contents(found: dict[str, str], texts: list[str]) -> None:
    assert told(State({}, (), {"lake:a": "1"}), State({}, (), found)) == texts


def test_a_file_that_is_another_in_every_run_is_left_out() -> None:
    one, other = State({}, (), {"lake:a": "1", "lake:b": "1"}), State({}, (), {"lake:a": "2", "lake:b": "1"})
    apart = left_out(one, other)
    assert apart == (LeftOut("lake:a", "content", "1", "2"),)
    assert differences(one, other, apart) == []
    assert [str(each) for each in differences(one, State({}, ()), apart)] == [
        "lake:a: the file is missing",
        "lake:b: the file is missing",
    ]
