"""A page stays small and quick however long its run was, and says how much it leaves out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.support import FLOW_A
from page.support import read_page
from portl_cli.page import Course, write_page

MOMENT = "2026-01-01T00:00:{:02d}.{:03d}Z"
STATE = "announce_resource"


def child(number: int) -> Iterator[dict[str, Any]]:
    """The events of a chunk that fails once, asks for a wait, waits and goes through."""
    name = f"run/{STATE}:{number}"
    told = [
        ("ExecutionStarted", {"executionStartedEventDetails": {"input": "{}"}}),
        ("TaskStateEntered", {"stateEnteredEventDetails": {"name": STATE}}),
        ("TaskScheduled", {}),
        ("TaskFailed", {"taskFailedEventDetails": {"error": "Transient", "cause": "no answer " * 300}}),
        ("TaskScheduled", {}),
        ("TaskFailed", {"taskFailedEventDetails": {"error": "RetryAfter", "cause": "7"}}),
        ("TaskStateExited", {"stateExitedEventDetails": {"name": STATE}}),
        ("WaitStateEntered", {"stateEnteredEventDetails": {"name": f"{STATE} waits as told"}}),
        ("WaitStateExited", {"stateExitedEventDetails": {"name": f"{STATE} waits as told"}}),
        ("TaskStateEntered", {"stateEnteredEventDetails": {"name": STATE}}),
        ("TaskScheduled", {}),
        ("TaskSucceeded", {}),
        ("TaskStateExited", {"stateExitedEventDetails": {"name": STATE}}),
        ("ExecutionSucceeded", {}),
    ]
    for at, (kind, details) in enumerate(told):
        yield {
            "id": at + 1,
            "previousEventId": at,
            "timestamp": MOMENT.format(at, number % 1000),
            "type": kind,
            "execution": name,
            **details,
        }


def big_run(folder: Path, chunks: int) -> tuple[Course, float]:
    """The folder of a run of so many chunks, its course, and the seconds that taking its events took."""
    folder.mkdir()
    (folder / "machine.asl.json").write_bytes((FLOW_A / "resource_sync.asl.json").read_bytes())
    line = {"ts": "2026-01-01T00:00:00Z", "level": "INFO", "run": "run", "step_id": STATE, "event": "task done " * 100}
    (folder / "log.jsonl").write_text((json.dumps({**line, "details": {"x": "y" * 3000}}) + "\n") * chunks, "utf-8")
    (folder / "output.log").write_text(("printed " * 100 + "\n") * chunks, "utf-8")
    events = [event for number in range(chunks) for event in child(number)]
    course, began = Course(), time.process_time()
    for event in events:
        course.event(event)
    return course, time.process_time() - began


def ended(chunks: int) -> dict[str, Any]:
    steps = {STATE: {"called": chunks * 500}}
    return {"run": "run", "job": "resource_sync", "status": "SUCCEEDED", "started": None, "steps": steps, "seconds": 9.0}


def test_a_page_of_2000_troubled_chunks_is_under_one_megabyte_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    course, _ = big_run(tmp_path / "run", 2000)
    file = write_page(tmp_path / "run", ended(2000), course)
    page = read_page(tmp_path / "run")
    assert file.stat().st_size < 1_000_000
    assert page.states[STATE] == ("waited", "1,000,000 records · 12.0 s · 2,000 retried")
    assert page.states[f"{STATE} waits as told"] == ("waited", "2,000 waits · 33 min 20 s")
    assert [len(page.rows(name)) for name in ("Chunks that did not go through at once", "Log")] == [100, 500]
    first = page.rows("Chunks that did not go through at once")[0]
    assert first[:3] == ["0", STATE, "retried 1 time, waited 1 time, 1.0 s"]
    assert "1,900 more are in history.jsonl." in page.root.words
    assert "The last 500 lines; 1,500 more are in log.jsonl." in page.root.words
    assert "The last 100 lines; 1,900 more are in output.log." in page.root.words
    assert [path.name for path in (tmp_path / "run").glob(".*")] == []


def test_making_the_page_of_10000_chunks_takes_less_than_taking_their_events(tmp_path: Path) -> None:
    course, taking = big_run(tmp_path / "run", 10_000)
    began = time.process_time()
    write_page(tmp_path / "run", ended(10_000), course)
    assert time.process_time() - began < taking


@pytest.mark.parametrize("missing", ["machine.asl.json", "log.jsonl", "output.log"])
def test_a_folder_that_lacks_a_part_still_has_a_page_of_the_rest(tmp_path: Path, missing: str) -> None:
    course, _ = big_run(tmp_path / "run", 2)
    (tmp_path / "run" / missing).unlink()
    write_page(tmp_path / "run", ended(2), course)
    page = read_page(tmp_path / "run")
    assert (page.status, page.loaded, page.states == {}) == ("done", [], missing == "machine.asl.json")
