"""What ``portl prove`` prints for people: a table that stays short, every difference, and the count as the last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.support import portl
from prove.support import APPEND, NOTES, THREE, Workshop

pytestmark = pytest.mark.postgres


def test_a_proof_shows_a_line_for_each_kind_of_effect_and_ends_with_the_count(tmp_path: Path, workshop: Workshop) -> None:
    job = workshop.write(APPEND.replace('run_key: "{{ checksum(params.path) }}"\n', ""), NOTES)
    ended = portl(tmp_path, "prove", str(job), "--param", f"path={THREE}", "--points", "3", PORTL_LEDGER="off")
    assert (ended.code, ended.err) == (1, "")
    lines = ended.out.splitlines()
    assert lines[:2] == [
        "proof of append, on a database and a peer of its own",
        "  after each crash: the engine's Retry; it has no run_key",
    ]
    shown = [line.split() for line in lines[3:7]]
    assert shown[0] == ["step", "killed", "at", "points", "then", "differences"]
    assert [(row[0], row[-4:]) for row in shown[1:]] == [
        ("read", ["1", "done", "again", "0"]),
        ("note", ["1", "done", "again", "0"]),
        ("note", ["1", "done", "again", "1"]),
    ]
    assert lines[-1] == "1 difference at 3 crash points"
    assert '  notes id 4: a row too many: {"code": "PR-1", "id": 4, "name": "First once more"}' in lines
    assert lines[-3] == "      before reply of note, chunk 1"


def test_verbose_shows_a_line_for_every_point(tmp_path: Path, workshop: Workshop) -> None:
    job = workshop.write(APPEND, NOTES)
    ended = portl(tmp_path, "prove", str(job), "--param", f"path={THREE}", "--points", "2", "--verbose")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split("  ")[1] for line in ended.out.splitlines() if "done again" in line or "answered" in line] == [
        "before read of read",
        "before reply of note, chunk 1",
    ]
