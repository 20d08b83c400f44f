"""What a run shows while it runs (jobs.md R1): bars on a terminal, plain lines in a pipe, events for machines."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.support import environment, portl, project, records, write_records
from portl_cli.commands._display import JsonDisplay, PlainDisplay
from portl_cli.commands._tracker import Tracker, pace
from portl_cli.embedded import Peer


class Ticking:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(step: str, done: int, of: int | None, *, chunk: int | None = None, ended: bool = False) -> dict[str, object]:
    return {"step": step, "chunk": chunk, "done": done, "of": of, "ended": ended}


def test_chunks_add_up_whatever_order_they_tell_in() -> None:
    clock = Ticking()
    tracker = Tracker(clock)
    clock.now += 2
    tracker.take(told("a", 10, 100, chunk=0, ended=True))
    tracker.take(told("a", 5, 100, chunk=1))
    clock.now += 3
    step = tracker.take(told("a", 15, 100, chunk=1))
    assert (step.done, step.per_second, step.left_seconds, step.ended) == (25, 5.0, 15.0, False)
    assert pace(step) == "25 of 100, 5/s, 15 s left"


def test_nothing_is_said_of_the_rest_after_the_first_records() -> None:
    """A first record that took two seconds, most of them to begin, would make hours of four thousand."""
    clock = Ticking()
    tracker = Tracker(clock)
    clock.now += 2
    assert pace(tracker.take(told("a", 1, 4000))) == "1 of 4,000, 0.50/s"
    assert pace(tracker.take(told("a", 40, 4000))) == "40 of 4,000, 20/s, 3 min 18 s left"
    quick = Tracker(clock)
    clock.now += 1
    assert pace(quick.take(told("a", 40, 4000))) == "40 of 4,000, 40/s"


def test_a_step_is_through_when_its_last_chunk_is_and_not_before() -> None:
    tracker = Tracker(Ticking())
    assert not tracker.take(told("a", 50, 100, chunk=0, ended=True)).ended
    assert tracker.take(told("a", 50, 100, chunk=1, ended=True)).ended
    assert tracker.take(told("read", 7, None, ended=True)).ended


def test_a_pipe_gets_a_line_when_a_step_is_through_and_one_every_ten_seconds() -> None:
    clock, stream = Ticking(), io.StringIO()
    display = PlainDisplay(stream, clock)
    display.event("state_entered", state="load per chunk", ts="")
    for _ in range(12):
        clock.now += 1
        display.progress(told("load", int(clock.now - 100) * 10, 200, chunk=0))
    clock.now += 8
    display.progress(told("load", 200, 200, chunk=0, ended=True))
    assert stream.getvalue().splitlines() == [
        "  load per chunk …",
        "    load: 100 of 200, 10/s, 10 s left",
        "    load: 200 of 200, 10/s",
    ]


def test_events_are_one_document_a_line_with_rate_and_time_left() -> None:
    clock, stream = Ticking(), io.StringIO()
    display = JsonDisplay(stream, clock)
    display.say("for people")
    display.event("state_entered", state="s", ts="t")
    clock.now += 3
    display.progress(told("a", 3, 6))
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == {"event": "state_entered", "state": "s", "ts": "t"}
    assert (second["event"], second["step"], second["done"], second["of"]) == ("progress", "a", 3, 6)
    assert (second["per_second"], second["seconds_left"]) == (1.0, 3.0)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    file = write_records(tmp_path / "in.csv", records(30, keys=9))
    return ["run", str(project(tmp_path)), "--param", f"path={file}", "--init-db"]


def test_json_tells_a_run_from_beginning_to_end_and_nothing_else(
    tmp_path: Path, arguments: list[str], postgres_url: str, peer: Peer
) -> None:
    ended = portl(tmp_path, *arguments, "--json", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (0, "")
    assert [events[0]["event"], events[-1]["event"]] == ["run_started", "run_succeeded"]
    summary = events[-1]["summary"]
    assert (summary["records"], summary["calls"], summary["invocations"]) == (30, 60, 30)
    last = {event["step"]: (event["done"], event["of"]) for event in events if event["event"] == "progress"}
    assert last["enrich"] == last["resource"] == last["announce_version"] == (30, 30)
    assert last["read_csv"] == (30, None)
    entered = [event["state"] for event in events if event["event"] == "state_entered"]
    assert entered == [event["state"] for event in events if event["event"] == "state_exited"]


def test_json_tells_a_failure_with_its_record_its_place_in_the_job_and_the_way_out(
    tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    given = records(3, keys=3)
    given[1]["updated_at"] = "yesterday"
    file = write_records(tmp_path / "in.csv", given)
    job = project(tmp_path)
    arguments = ["run", str(job), "--param", f"path={file}", "--init-db", "--json"]
    ended = portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    failed = json.loads(ended.out.splitlines()[-1])
    error = failed["error"]
    assert (ended.code, failed["event"], error["code"]) == (1, "run_failed", "M102")
    assert error["place"] == {"step": "resource", "record": 1, "line": 3, "column": "updated_at", "file": str(file)}
    line = job.read_text("utf-8").splitlines()[error["job"]["line"] - 1]
    assert (line.strip()[:11], error["hint"] != "") == ("updated_at:", True)
    assert error["state"] == "nothing was written and no API was called; 3 function calls had been made before"


def on_a_terminal(tmp_path: Path, arguments: list[str], **variables: str) -> tuple[int, str]:
    """Runs portl on a pseudo-terminal and answers its exit code and all it wrote there."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from portl_cli.main import main; main()", *arguments]
    given = {**environment(tmp_path, variables), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(command, env=given, cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    written, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([leader], [], [], 0.2)
        try:
            more = os.read(leader, 65536) if ready else b"" if process.poll() is None else None
        except OSError:
            break
        if more is None:
            break
        written += more
    os.close(leader)
    return process.wait(timeout=10), written.decode()


def test_a_terminal_gets_a_bar_for_every_step(tmp_path: Path, arguments: list[str], postgres_url: str, peer: Peer) -> None:
    code, written = on_a_terminal(tmp_path, arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert code == 0, shown
    for step in ("enrich", "resource", "announce_version"):
        assert re.search(rf"{step} +━+ +30 of 30, [\d,]+/s", shown)
    assert "\x1b[3" in written


def test_no_color_leaves_the_bars_and_takes_the_colours(
    tmp_path: Path, arguments: list[str], postgres_url: str, peer: Peer
) -> None:
    code, written = on_a_terminal(tmp_path, arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url, NO_COLOR="1")
    assert (code, re.findall(r"\x1b\[(?:3|4|9)\d[0-9;]*m|\x1b\[[0-9;]*38;", written)) == (0, [])
    assert "━" in written


def test_a_pipe_gets_no_control_character(tmp_path: Path, arguments: list[str], postgres_url: str, peer: Peer) -> None:
    ended = portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, "\x1b" in ended.out + ended.err) == (0, False)
    assert "    enrich: 30 of 30, " in ended.err
