"""A step sends no more requests in a time than its ``rate`` says, over all that is under way together (jobs.md S5: rate)."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import ROOT, Ended, portl
from portl_cli.embedded import Peer

JOB = """\
version: 2
job: send
params: {path: {type: string, required: true}}
connections:
  api: {type: http, base_url: "${env:API_URL}"}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: send
    type: api.call
    batch: {from: "{{ steps.read.rows }}", as: row, BATCH}
    method: POST
    path: /orders
    json: {code: "{{ row.code }}"}
    retry: {max_attempts: 3, backoff_ms: 1}
    concurrency: 8
"""


@pytest.fixture
def send(tmp_path: Path, peer: Peer) -> Any:
    """Sends so many records at a rate; answers how the run ended."""

    def go(count: int, rate: str, batch: str, *options: str) -> Ended:
        folder = tmp_path / "project" / "statemachines" / "send"
        folder.mkdir(parents=True)
        for name in ("functions", "layers", "template.yaml"):
            (tmp_path / "project" / name).symlink_to(ROOT / name)
        (folder / "job.yaml").write_text(JOB.replace("BATCH", batch) + f"    rate: {rate}\n", "utf-8")
        (tmp_path / "in.csv").write_text("code\n" + "".join(f"C-{at}\n" for at in range(count)), "utf-8")
        given = ("run", str(folder / "job.yaml"), "--param", f"path={tmp_path / 'in.csv'}", *options)
        return portl(tmp_path, *given, API_URL=peer.url)

    return go


def moments(peer: Peer) -> list[float]:
    return [datetime.fromisoformat(call["ts"]).timestamp() for call in peer.calls()]


def answered(peer: Peer) -> Counter[str]:
    return Counter(call["body"]["code"] for call in peer.calls() if call["status"] == 200)


@pytest.mark.parametrize(
    ("batch", "host"), [("size: 30", "inline"), ("size: 8", "inline"), ("size: 8, concurrency: 3", "workers")]
)
def test_n_calls_at_a_rate_take_their_time_whatever_is_under_way_together(send: Any, peer: Peer, batch: str, host: str) -> None:
    count, per_s = 24, 20
    ended = send(count, f"{per_s}/s", batch, "--host", host)
    assert ended.code == 0, ended.err
    assert answered(peer) == {f"C-{at}": 1 for at in range(count)}
    chunks = 3 if "concurrency" in batch else 1  # each of those under way together has its first turn at about the same time
    assert max(moments(peer)) - min(moments(peer)) >= 0.9 * (count - chunks) / per_s


def test_calls_that_are_tried_again_take_a_turn_too(send: Any, peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 503, "every": 3, "times": 5})
    ended = send(12, "{requests: 40, per_s: 2}", "size: 30", "--host", "inline")
    assert ended.code == 0, ended.err
    assert (len(moments(peer)), answered(peer)) == (17, {f"C-{at}": 1 for at in range(12)})
    assert max(moments(peer)) - min(moments(peer)) >= 0.9 * 16 / 20


def test_turns_that_are_far_apart_are_waited_for_by_the_machine_and_no_call_is_lost_or_doubled(
    send: Any, peer: Peer, tmp_path: Path
) -> None:
    scale, count = 0.01, 5
    ended = send(count, "2/min", "size: 3, concurrency: 1", "--host", "inline", "--time-scale", str(scale))
    assert ended.code == 0, ended.err
    assert answered(peer) == {f"C-{at}": 1 for at in range(count)}
    found = moments(peer)
    assert min(after - before for before, after in itertools.pairwise(found)) >= 0.9 * 30 * scale
    (history,) = (tmp_path / "runs").glob("*/history.jsonl")
    kinds = Counter(json.loads(line)["type"] for line in history.read_text("utf-8").splitlines())
    assert kinds["WaitStateEntered"] >= count - 1


def test_a_rate_that_is_changed_makes_no_new_work(send: Any, peer: Peer, tmp_path: Path) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 4, "times": 1})
    failed = send(6, "1000/s", "size: 2", "--host", "inline")
    assert failed.code == 1
    job = tmp_path / "project" / "statemachines" / "send" / "job.yaml"
    job.write_text(job.read_text("utf-8").replace("1000/s", "500/s"), "utf-8")
    run_id = next((tmp_path / "runs").glob("send-*")).name
    assert portl(tmp_path, "run", str(job), "--resume", run_id, "--host", "inline", API_URL=peer.url).code == 0
    assert answered(peer) == {f"C-{at}": 1 for at in range(6)}
