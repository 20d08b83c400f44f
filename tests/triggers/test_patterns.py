"""Patterns and schedules as EventBridge takes them."""

from __future__ import annotations

from typing import Any

import pytest

from portl.jobs import as_wildcard, fits_event
from portl.jobs._event_patterns import wrong_pattern
from portl.jobs._schedules import wrong_schedule, wrong_timezone

EVENT = {
    "source": "partner.orders",
    "detail": {
        "state": "new",
        "count": 5,
        "rate": 0.5,
        "empty": None,
        "open": True,
        "tags": ["a", "b"],
        "from": "10.1.2.3",
        "file": "in/2026*.csv",
        "lines": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}],
    },
}
"""Each comparison of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html."""


def detail(name: str, *rules: Any) -> dict[str, Any]:
    return {"detail": {name: list(rules)}}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["other", "partner.orders"]},
        detail("state", {"prefix": "n"}),
        detail("state", {"suffix": "ew"}),
        detail("state", {"prefix": {"equals-ignore-case": "NE"}}),
        detail("state", {"equals-ignore-case": "NEW"}),
        detail("state", {"anything-but": "old"}),
        detail("state", {"anything-but": ["old", "older"]}),
        detail("state", {"anything-but": {"prefix": "o"}}),
        detail("count", {"numeric": [">", 0, "<=", 5]}),
        detail("count", 5.0),
        detail("rate", {"numeric": ["=", 0.5]}),
        detail("empty", None),
        detail("open", True),
        detail("tags", "b"),
        detail("tags", {"exists": True}),
        detail("nothing", {"exists": False}),
        detail("nothing", "x", {"exists": False}),
        detail("from", {"cidr": "10.0.0.0/8"}),
        detail("file", {"wildcard": "in/*.csv"}),
        detail("file", {"wildcard": r"in/2026\*.csv"}),
        {"detail": {"lines": {"sku": ["y"]}}},
        {"$or": [{"source": ["other"]}, {"detail": {"count": [5]}}]},
    ],
    ids=str,
)
def test_an_event_fits(pattern: dict[str, Any]) -> None:
    assert ([*wrong_pattern(pattern)], fits_event(pattern, EVENT)) == ([], True)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["partner"]},
        {"source": ["partner.orders"], "detail": {"state": ["old"]}},
        detail("state", {"prefix": "N"}),
        detail("state", {"anything-but": ["new"]}),
        detail("state", {"anything-but": {"wildcard": "n*"}}),
        detail("count", {"numeric": [">", 5]}),
        detail("count", "5"),
        detail("open", 1),
        detail("nothing", {"exists": True}),
        detail("nothing", {"anything-but": "x"}),
        detail("state", {"exists": False}),
        detail("from", {"cidr": "192.168.0.0/16"}),
        detail("file", {"wildcard": r"in/*\*x.csv"}),
        {"detail": {"lines": {"sku": ["z"]}}},
        {"$or": [{"source": ["other"]}, {"detail": {"count": [6]}}]},
    ],
    ids=str,
)
def test_an_event_does_not_fit(pattern: dict[str, Any]) -> None:
    assert ([*wrong_pattern(pattern)], fits_event(pattern, EVENT)) == ([], False)


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ({}, ()),
        ({"source": "partner"}, ("source",)),
        ({"source": []}, ("source",)),
        ({"source": [{"prefix": ""}]}, ("source", 0, "prefix")),
        ({"source": [{"wildcard": "a**b"}]}, ("source", 0, "wildcard")),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, ("source", 0)),
        ({"source": ["a", {"exists": "no"}]}, ("source", 1, "exists")),
        ({"detail": {"n": [{"numeric": [">"]}]}}, ("detail", "n", 0, "numeric")),
        ({"detail": {"ip": [{"cidr": "10.0.0.0/64"}]}}, ("detail", "ip", 0, "cidr")),
        ({"$or": [{"source": ["a"]}]}, ("$or",)),
        ({"$or": [{"source": ["a"]}, {"source": "b"}]}, ("$or", 1, "source")),
    ],
    ids=str,
)
def test_a_wrong_pattern_is_told_at_its_place(pattern: dict[str, Any], place: tuple[Any, ...]) -> None:
    assert [where for where, _ in wrong_pattern(pattern)] == [place]


def test_a_star_of_its_own_is_no_wildcard_of_a_rule() -> None:
    rule = {"source": [{"wildcard": f"{as_wildcard('a*b')}*"}]}
    assert [fits_event(rule, {"source": text}) for text in ("a*bc", "aXbc", "a*b")] == [True, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minute)",
        "rate(15 minutes)",
        "at(2026-12-24T18:00:00)",
        "cron(0 10 * * ? *)",
        "cron(0/15 * ? * MON-FRI *)",
        "cron(15,45 8-17/2 1 JAN,JUL ? 2026-2030)",
        "cron(0 18 L * ? *)",
        "cron(0 18 15W * ? *)",
        "cron(0 18 ? * 6L *)",
        "cron(0 18 ? * mon#1 *)",
    ],
)
def test_a_schedule_of_aws_is_right(text: str) -> None:
    assert wrong_schedule(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "every day",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "rate(minutes)",
        "at(2026-12-24)",
        "at(2026-13-24T18:00:00)",
        "cron(0 10 * * ?)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * FOO ? *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0/0 10 * * ? *)",
        "cron(0 10 * * ? 1900)",
        "cron(1-2-3 10 * * ? *)",
    ],
)
def test_a_schedule_that_aws_would_refuse_is_wrong(text: str) -> None:
    assert wrong_schedule(text) != ""


def test_a_time_zone_is_one_of_iana() -> None:
    assert [bool(wrong_timezone(name)) for name in ("UTC", "Europe/Berlin", "Europe/Nowhere", "../etc", "")] == [
        False,
        False,
        True,
        True,
        True,
    ]
