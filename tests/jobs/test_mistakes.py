"""Each folder of mistakes/ is one mistake: a job with it, the same job without it, and the one line that tells it."""

import difflib
from pathlib import Path

import pytest

MISTAKES = sorted((Path(__file__).parent / "mistakes").iterdir())
MOST_LINES_CHANGED = 2

pytestmark = pytest.mark.parametrize("folder", MISTAKES, ids=[each.name for each in MISTAKES])


def test_the_wrong_job_has_exactly_this_finding(folder, parse):
    found = parse((folder / "bad.yaml").read_bytes(), "bad.yaml", folder)[1]
    assert [f"{each}\n" for each in found] == [(folder / "expected.txt").read_text("utf-8")]
    assert found[0].code == folder.name.split("-")[0]


def test_the_right_job_has_none(folder, parse):
    assert parse((folder / "good.yaml").read_bytes(), "good.yaml", folder)[1] == []


def test_the_two_differ_only_where_the_mistake_is(folder):
    good, bad = ((folder / f"{name}.yaml").read_text("utf-8").splitlines() for name in ("good", "bad"))
    changed = [block for block in difflib.SequenceMatcher(None, good, bad).get_opcodes() if block[0] != "equal"]
    ((_, good_from, good_to, bad_from, bad_to),) = changed
    assert max(good_to - good_from, bad_to - bad_from) <= MOST_LINES_CHANGED
