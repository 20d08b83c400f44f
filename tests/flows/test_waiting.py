"""An API that asks for time gets it, and nothing runs meanwhile (design, section 4; issue: 429 with Retry-After)."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from flows.support import ROOT, Ended, portl
from portl_cli.embedded import Peer

SCALE = 0.05
"""How fast the machine's waits pass."""
JOB = """\
version: 2
job: notify
params:
  path: {type: string, required: true}
connections:
  api: {type: http, base_url: "${env:API_URL}"}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: send
    type: api.call
    batch: {from: "{{ steps.read.rows }}", as: row}
    method: POST
    path: /orders
    json: {code: "{{ row.code }}"}
    retry: {max_attempts: 3, backoff_ms: 10, retry_on: [transient, throttled]}
"""


def notify(tmp_path: Path, peer: Peer, count: int, *options: str) -> tuple[Ended, list[dict[str, Any]]]:
    """Runs the job over so many orders; answers its end and its history."""
    folder = tmp_path / "project" / "statemachines" / "notify"
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(JOB, "utf-8")
    (tmp_path / "project" / "template.yaml").write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")
    for name in ("functions", "layers"):
        (tmp_path / "project" / name).symlink_to(ROOT / name)
    file = tmp_path / "orders.csv"
    file.write_text("code\n" + "".join(f"C-{at}\n" for at in range(count)), "utf-8")
    ended = portl(tmp_path, "run", str(folder / "job.yaml"), "--param", f"path={file}", *options, API_URL=peer.url)
    (history,) = (tmp_path / "runs").glob("*/history.jsonl")
    return ended, [json.loads(line) for line in history.read_text("utf-8").splitlines()]


def script(peer: Peer, **fields: Any) -> None:
    httpx.post(f"{peer.url}/_script", json=fields).raise_for_status()


def test_every_third_call_answered_429_is_waited_for_in_wait_states_and_nothing_answered_is_repeated(
    tmp_path: Path, peer: Peer
) -> None:
    count = 12
    script(peer, status=429, retry_after=5, every=3)
    ended, history = notify(tmp_path, peer, count, "--time-scale", str(SCALE))
    assert ended.code == 0, ended.err
    answered = Counter(call["body"]["code"] for call in peer.calls() if call["status"] == 200)
    assert answered == {f"C-{at}": 1 for at in range(count)}
    keys = {(call["body"]["code"], call["headers"]["idempotency-key"]) for call in peer.calls()}
    assert len(keys) == count, "a refused call is sent again with its first key"
    assert "WaitStateEntered" in {event["type"] for event in history}
    assert min(seconds for seconds, _ in waits(history)) >= 5 * SCALE
    assert all(running == 0 for _, running in waits(history)), "a function runs while the machine waits"


def test_a_wait_longer_than_an_hour_is_not_begun_and_what_was_answered_is_said(tmp_path: Path, peer: Peer) -> None:
    script(peer, status=503, retry_after=7200, every=4, times=1)
    ended, history = notify(tmp_path, peer, 6)
    assert ended.code == 1
    assert "H106" in ended.err
    assert "it asks for 7,200 s more after 0 waits of 0 s in all: a chunk waits 3,600 s at most" in ended.err
    assert "WaitStateEntered" not in {event["type"] for event in history}


def waits(history: list[dict[str, Any]]) -> list[tuple[float, int]]:
    """Of every Wait: how many seconds it lasted, and how many functions ran at the time."""
    running, entered, found = 0, None, []
    for event in history:
        match event["type"]:
            case "TaskStarted":
                running += 1
            case "TaskSucceeded" | "TaskFailed" | "TaskTimedOut":
                running -= 1
            case "WaitStateEntered":
                entered = datetime.fromisoformat(event["timestamp"]), running
            case "WaitStateExited":
                assert entered is not None
                lasted = (datetime.fromisoformat(event["timestamp"]) - entered[0]).total_seconds()
                found.append((lasted, max(entered[1], running)))
    return found
