"""What is promised of drainers as processes: many at once, and one that is killed."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import connect
from flows.support import start
from portl_cli.embedded import Peer

pytestmark = pytest.mark.postgres
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
AT_THE_MARK = f"{WAITING} AND wait_event = 'advisory'"
"""Not those that stood before the table a moment ago: the server may show that still."""


@pytest.fixture
def start_drains(tmp_path: Path, write_job: Any, variables: dict[str, str], query: Any) -> Any:
    """Starts drains that all begin at one moment: the table is locked until each of them stands before it."""

    def go(count: int, *options: str, **more: str) -> list[Any]:
        arguments = ("outbox", "drain", str(write_job()), "--json", *options)
        holder = connect(variables["PG_URL"])
        holder.run("BEGIN")
        holder.run("LOCK TABLE portl_outbox IN ACCESS EXCLUSIVE MODE")
        drains = [start(tmp_path, *arguments, **{**variables, **more}) for _ in range(count)]
        until(lambda: query(WAITING) == [(count,)])
        holder.run("COMMIT")
        holder.close()
        return drains

    return go


def until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.01)


def ended(drains: list[Any]) -> Counter[str]:
    """What they came to together."""
    total: Counter[str] = Counter()
    for drain in drains:
        out, err = drain.communicate(timeout=60)
        assert drain.returncode == 0, err
        total.update({name: count for name, count in json.loads(out).items() if name != "left"})
    return total


def keys(peer: Peer, status: int = 200) -> Counter[str]:
    return Counter(call["headers"]["idempotency-key"] for call in peer.calls() if call["status"] == status)


def test_four_drains_at_once_deliver_each_of_two_hundred_messages_once(start_drains: Any, queue: Any, peer: Peer) -> None:
    queue(range(200))
    assert +ended(start_drains(4)) == {"delivered": 200}
    assert keys(peer) == {f"key-{n}": 1 for n in range(200)}


def test_a_group_keeps_its_order_over_drains_at_once_while_the_peer_refuses(start_drains: Any, queue: Any, peer: Peer) -> None:
    for n in range(8):
        queue([n, 100 + n], "even" if n % 2 == 0 else "odd")
    assert httpx.post(peer.url + "/_script", json={"status": 503, "every": 3}).status_code == 200
    total = ended(start_drains(3, "--attempts", "30", PORTL_TIME_SCALE="0.001"))
    assert (total["delivered"], total["dead"], total["lost"]) == (16, 0, 0)
    accepted = [call["body"]["n"] for call in peer.calls() if call["status"] == 200]
    assert [[n for n in accepted if n % 2 == odd] for odd in (0, 1)] == [
        [n for m in range(odd, 8, 2) for n in (m, 100 + m)] for odd in (0, 1)
    ]


HELD = """CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END $$"""
TRIGGER = """CREATE TRIGGER hold BEFORE UPDATE ON portl_outbox FOR EACH ROW
WHEN (NEW.state = 'delivered' AND NEW.dedup_key = '3') EXECUTE FUNCTION hold()"""


def test_a_drain_killed_between_answer_and_mark_repeats_that_message_once_with_its_key_and_no_other(
    start_drains: Any, queue: Any, peer: Peer, query: Any, variables: dict[str, str]
) -> None:
    queue(range(12))
    holder = connect(variables["PG_URL"])
    for statement in (HELD, TRIGGER, "SELECT pg_advisory_lock(42)"):
        holder.run(statement)
    [drain] = start_drains(1)
    until(lambda: query(AT_THE_MARK) == [(1,)])
    drain.send_signal(signal.SIGKILL)
    drain.communicate()
    query(f"SELECT pg_terminate_backend(pid) {AT_THE_MARK.removeprefix('SELECT count(*) ')}")
    until(lambda: query(AT_THE_MARK) == [(0,)])
    holder.run("DROP TRIGGER hold ON portl_outbox")
    holder.close()
    assert keys(peer) == {f"key-{n}": 1 for n in range(4)}
    query("UPDATE portl_outbox SET leased_until = now() WHERE lease IS NOT NULL")  # as if its minute were over
    assert +ended(start_drains(1)) == {"delivered": 9}
    assert keys(peer) == {f"key-{n}": 2 if n == 3 else 1 for n in range(12)}
    taken_once = query("SELECT dedup_key::int FROM portl_outbox WHERE claims = 1 ORDER BY id")
    assert taken_once == [(0,), (1,), (2,), (10,), (11,)]


def test_ctrl_c_while_a_message_is_on_its_way_gives_the_others_back(start_drains: Any, queue: Any, query: Any) -> None:
    queue(range(3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        [drain] = start_drains(1, NOTIFY_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        caller, _ = silent.accept()
        with caller:
            assert caller.recv(4) == b"POST"
            drain.send_signal(signal.SIGINT)
            _, err = drain.communicate(timeout=30)
    assert (drain.returncode, "interrupted" in err) == (130, True)
    assert query("SELECT dedup_key::int, lease IS NOT NULL FROM portl_outbox ORDER BY id") == [
        (0, True),
        (1, False),
        (2, False),
    ]
