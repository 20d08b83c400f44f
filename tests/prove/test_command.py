"""What ``portl prove`` prints for people: a table that stays short, every difference, and the count as the last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.support import portl
from portl_cli.commands._proof_report import ending, table
from portl_cli.prove import Difference, Outcome, Point
from prove.support import APPEND, NOTES, THREE, Workshop

pytestmark = pytest.mark.postgres


def test_a_proof_shows_a_line_for_each_kind_of_effect_and_ends_with_the_count(tmp_path: Path, workshop: Workshop) -> None:
    job = workshop.write(APPEND.replace('run_key: "{{ checksum(params.path) }}"\n', ""), NOTES)
    ended = portl(tmp_path, "prove", str(job), "--param", f"path={THREE}", PORTL_LEDGER="off")
    assert (ended.code, ended.err) == (1, "")
    lines = ended.out.splitlines()
    assert lines[:2] == [
        "proof of append, on a database and a peer of its own",
        "  after each crash: the engine's Retry; it has no run_key",
    ]
    shown = [line.split() for line in lines[3:11]]
    assert shown[0] == ["step", "killed", "at", "points", "then", "differences"]
    assert [(row[0], " ".join(row[1:-4]), *row[-4:]) for row in shown[1:]] == [
        ("read", "read", "2", "done", "again", "0"),
        ("read", "reply", "1", "done", "again", "0"),
        ("note", "begin", "4", "done", "again", "0"),
        ("note", "own statement", "8", "done", "again", "0"),
        ("note", "statement", "6", "done", "again", "0"),
        ("note", "commit", "4", "done", "again", "4"),
        ("note", "reply", "2", "done", "again", "0"),
    ]
    assert lines[-1] == "4 differences at 27 crash points"
    assert lines[-4:-1] == [
        "  after commit of note, chunk 1:",
        '      notes id 4: a row too many: {"code": "PR-1", "id": 4, "name": "First once more"}',
        "",
    ]


def outcome(record: int, *whats: str) -> Outcome:
    return Outcome(
        Point("call", record, None, "request", 1, "after"), "done again", tuple(Difference("notes", what) for what in whats)
    )


def test_differences_stand_once_under_the_points_that_led_to_them() -> None:
    shown = list(ending([outcome(0, "a", "b"), outcome(1, "a", "b"), outcome(2, "c"), outcome(3)], verbose=False))
    assert shown == [
        "",
        "  after request of call, record 1; after request of call, record 2:",
        "      notes: a",
        "      notes: b",
        "",
        "  after request of call, record 3:",
        "      notes: c",
        "",
        "5 differences at 4 crash points",
    ]


def test_many_differences_are_cut_unless_all_are_wanted() -> None:
    outcomes = [outcome(at, *(str(number) for number in range(25))) for at in range(7)]
    short, whole = ([*ending(outcomes, verbose=verbose)] for verbose in (False, True))
    assert short[1].endswith("record 5; and 2 more:")
    assert short[-3:] == ["      and 5 more, which --verbose shows", "", "175 differences at 7 crash points"]
    assert (len(short), len(whole), whole[1].count("; ")) == (25, 29, 6)


def test_verbose_shows_a_line_for_every_point() -> None:
    shown = list(table([outcome(0), outcome(1, "a", "b")], verbose=True))
    assert shown == [
        "",
        "  crash point                      then        differences",
        "  after request of call, record 1  done again            0",
        "  after request of call, record 2  done again            2",
    ]
