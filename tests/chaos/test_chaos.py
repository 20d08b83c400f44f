"""Issue 4: the server is killed and comes back, workers are killed, the peer refuses and hangs; in the end nothing differs.

``make chaos`` runs it; PORTL_CHAOS_RECORDS and PORTL_CHAOS_SEED choose the size and repeat a sequence of draws.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaos.killable_server import KillableServer
from chaos.mischief import Mischief
from chaos.unreliable_peer import start_unreliable_peer
from conftest import connect
from flows.support import project, start, write_records
from portl_cli.embedded import Peer, start_peer

pytestmark = pytest.mark.chaos

RECORDS = int(os.environ.get("PORTL_CHAOS_RECORDS", "20000"))
SEED = int(os.environ.get("PORTL_CHAOS_SEED") or secrets.randbelow(10**6))
MOST_RUNS = 25
RETRY = "retry: {max_attempts: 4, backoff_ms: 500}"
STATE = {
    "resources": "SELECT code, source, name, slug, md5, updated_at::text FROM resources ORDER BY code, source",
    "versions": """SELECT r.code, r.source, v.version_number, v.md5, v.status, v.payload::text, v.updated_at::text
        FROM resources_versions v JOIN resources r ON r.id = v.resource_id ORDER BY 1, 2, 3""",
}


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def generated(count: int, chance: random.Random) -> Iterator[dict[str, str]]:
    """A tenth of the records has a key that came before, so that versions are added and updated."""
    for at in range(count):
        number = chance.randrange(at) if at and chance.random() < 0.1 else at
        final = chance.random() < 0.5
        yield {
            "code": f"CH-{number:06d}",
            "source": ("press", "archive")[number % 2],
            "name": f"Name {at} «é»",
            "payload": json.dumps({"final": final, "at": at}),
            "updated_at": f"2026-01-{1 + at // 86400:02d}T{at // 3600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d}Z",
        }


@dataclass
class Left:
    """What a job left behind, with a resource's key in the place of its id, which rolled back work makes another."""

    rows: dict[str, Counter[tuple[Any, ...]]]
    calls: Counter[str] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)

    @property
    def repeated(self) -> int:
        return sum(self.received.values()) - len(self.calls)


def left(url: str, peer: Peer) -> Left:
    connection = connect(url)
    keys = {found: f"{code} {source}" for found, code, source in connection.run("SELECT id, code, source FROM resources") or []}
    found = Left({name: Counter(map(tuple, connection.run(sql) or [])) for name, sql in STATE.items()})
    connection.close()
    for call in peer.calls():
        body = {**call["body"], "resource_id": keys.get(call["body"]["resource_id"])}
        found.calls[json.dumps([call["method"], call["path"], call["headers"]["idempotency-key"], body], sort_keys=True)] += 1
        found.received[call["status"]] += 1
    return found


def differences(wanted: Left, found: Left) -> int:
    """Rows and distinct calls that only one of them has."""
    rows = sum(
        sum(((wanted.rows[name] - found.rows[name]) + (found.rows[name] - wanted.rows[name])).values()) for name in STATE
    )
    return rows + len(wanted.calls.keys() ^ found.calls.keys())


def run_until_done(tmp_path: Path, arguments: Iterable[str], mischief: Mischief | None, **variables: str) -> int:
    """Runs the job again, as a user would, until it is done; answers how many runs that took."""
    for number in range(1, MOST_RUNS + 1):
        run = start(tmp_path, "run", *arguments, **variables)
        if mischief:
            mischief.watch(run)
        _, err = run.communicate()
        if run.returncode == 0:
            return number
        reason = [line.strip() for line in err.splitlines() if line.startswith(("  cause", "failed", "V", "D"))]
        say(f"run {number} ended with {run.returncode}: {'; '.join(reason) or err[-300:]}")
        assert run.returncode in (1, 3), err
        time.sleep(1)
    raise AssertionError(f"not done after {MOST_RUNS} runs")


def test_rows_and_calls_are_those_of_a_calm_run_whatever_is_killed(tmp_path: Path) -> None:
    say(f"{RECORDS:,} records, seed {SEED}")
    job = project(tmp_path, {RETRY: "retry: {max_attempts: 5, backoff_ms: 50}\n    timeout_s: 2"})
    text = job.read_text("utf-8")
    enrich = 'row.payload }}"}\n    retry: {max_attempts: 5, backoff_ms: 50}\n    timeout_s: 2'
    assert enrich in text
    job.write_text(text.replace(enrich, enrich.removesuffix("\n    timeout_s: 2")), "utf-8")
    chance = random.Random(SEED)  # noqa: S311 - draws, not secrets
    file = write_records(tmp_path / "in.csv", generated(RECORDS, chance))
    arguments = (str(job), "--param", f"path={file}", "--init-db")
    with KillableServer(tmp_path / "server") as server:
        calm, calm_s = _calm(tmp_path, server, arguments)
        chaotic_url = _database(server, "chaotic")
        with start_unreliable_peer(tmp_path / "unreliable.jsonl", SEED) as peer:
            mischief = Mischief(server, SEED, calm_s, lambda: peer.file.stat().st_size > 0, say)
            begun = time.monotonic()
            mischief.start()
            try:
                runs = run_until_done(tmp_path, arguments, mischief, PG_URL=chaotic_url, NOTIFY_URL=peer.url)
            finally:
                mischief.stop()
            found = left(chaotic_url, peer)
            spent = time.monotonic() - begun
    count = differences(calm, found)
    _report(mischief.counts, found, runs, calm_s, spent, count)
    assert count == 0


def _calm(tmp_path: Path, server: KillableServer, arguments: Iterable[str]) -> tuple[Left, float]:
    url = _database(server, "calm")
    with start_peer(tmp_path / "calm.jsonl") as peer:
        begun = time.monotonic()
        assert run_until_done(tmp_path, arguments, None, PG_URL=url, NOTIFY_URL=peer.url) == 1
        spent = time.monotonic() - begun
        found = left(url, peer)
    assert (sum(found.calls.values()), found.repeated) == (2 * RECORDS, 0)
    say(f"calm run: {spent:.0f} s")
    return found, spent


def _database(server: KillableServer, name: str) -> str:
    admin = connect(server.url)
    admin.run(f"CREATE DATABASE {name}")
    admin.close()
    return server.url.rsplit("/", 1)[0] + f"/{name}"


def _report(counts: Counter[str], found: Left, runs: int, calm_s: float, spent: float, differ: int) -> None:
    """The table of docs/reliability.md."""
    rows = {
        "records": RECORDS,
        "seed": SEED,
        "workers killed": counts["workers killed"],
        "database server killed and restarted": counts["server killed"],
        "transactions cut off by that": counts["transactions cut off"],
        "calls answered 503": found.received[503],
        "calls never answered": found.received[0],
        "runs needed": runs,
        "calls sent more than once": found.repeated,
        "distinct calls": len(found.calls),
        "seconds, calm": round(calm_s),
        "seconds, with all that": round(spent),
        "differences": differ,
    }
    sys.stderr.write("\n| | |\n|---|---|\n" + "".join(f"| {name} | {value:,} |\n" for name, value in rows.items()))
