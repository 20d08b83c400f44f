"""The numbering and the choice of crash points."""

from __future__ import annotations

import pytest

from portl_cli.prove._points import Point, Reached, in_order, spread


def point(step: str, record: int | None, kind: str, side: str = "before", chunk: int | None = None) -> Point:
    return Point(step, record, chunk, kind, 1, "before" if side == "before" else "after")


def test_calls_under_way_together_are_numbered_by_record_whatever_comes_first() -> None:
    first, second = ([point("call", at, "request", side) for side in ("before", "after")] for at in (0, 1))
    reply = point("call", 0, "reply")
    came = [second[0], first[0], second[1], first[1], reply]
    assert in_order(Reached(1, each) for each in came) == [*first, *second, reply]


def test_a_transaction_and_the_tasks_of_a_run_keep_their_order() -> None:
    begin, commit = (point("write", None, kind, chunk=0) for kind in ("begin", "commit"))
    statement = point("row", 1, "statement", chunk=0)
    later = point("call", 0, "request")
    came = [Reached(1, begin), Reached(1, statement), Reached(1, commit), Reached(2, later)]
    assert in_order(came) == [begin, statement, commit, later]


def test_what_a_second_attempt_comes_to_again_is_one_point() -> None:
    each = point("call", 0, "request")
    assert in_order([Reached(1, each), Reached(2, each)]) == [each]


@pytest.mark.parametrize(("most", "taken"), [(None, range(10)), (99, range(10)), (2, [0, 9]), (4, [0, 3, 6, 9]), (1, [5])])
def test_a_sample_is_spread_evenly_over_all_points(most: int | None, taken: list[int]) -> None:
    points = [point("call", at, "request") for at in range(10)]
    assert spread(points, most) == [points[at] for at in taken]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Point("row", 2, None, "statement", 1, "before"), "before statement of row, record 3"),
        (Point("a..b", None, 4, "commit", 2, "after"), "after commit 2 of a..b, chunk 4"),
        (Point("read", None, None, "reply", 1, "before"), "before reply of read"),
    ],
)
def test_a_point_says_where_it_is_and_goes_through_json(found: Point, text: str) -> None:
    assert (str(found), Point.read(found.document())) == (text, found)
