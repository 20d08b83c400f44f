"""Draining inside one process: order, backoff, dead letters, leases (database.md X4)."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any

import httpx
import pytest

from outbox.conftest import TOKEN
from portl.connections import Connections
from portl.errors import MissingVariable
from portl.outbox import Answer, Claims, Drained, DrainOptions, Messages, Sent, drain_job
from portl_cli.embedded import Peer

pytestmark = pytest.mark.postgres
OK = Answer(delivered=True, status=200, text="")


@pytest.fixture
def drain(connections: Connections, specs: Any) -> Any:
    def go(told: Any = lambda _: None, **options: Any) -> Drained:
        return drain_job("orders", connections, specs, ["shop"], DrainOptions(**options), told)

    return go


@pytest.fixture
def claims(connections: Connections) -> Claims:
    return Claims(connections.get("shop"), "orders")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of every wait."""
    monkeypatch.setenv("PORTL_TIME_SCALE", "0.01")


def script(peer: Peer, **how: Any) -> None:
    assert httpx.post(peer.url + "/_script", json=how).status_code == 200


def paths(peer: Peer, status: int | None = None) -> list[str]:
    return [call["path"] for call in peer.calls() if status in (None, call["status"])]


def test_a_message_goes_out_with_its_key_and_its_destinations_headers(drain: Any, queue: Any, peer: Peer, states: Any) -> None:
    queue([1])
    assert drain() == Drained(delivered=1)
    [call] = peer.calls()
    sent = {name: call["headers"][name] for name in ("authorization", "idempotency-key", "content-type")}
    assert sent == {"authorization": f"Bearer {TOKEN}", "idempotency-key": "key-1", "content-type": "application/json"}
    assert (call["method"], call["path"], call["body"]) == ("POST", "/n/1", {"n": 1})
    assert states() == [(1, "delivered", 0)]
    assert drain() == Drained()


def test_only_the_jobs_own_messages_for_connections_it_has_are_sent(drain: Any, queue: Any, peer: Peer) -> None:
    queue([1])
    queue([2], job="another")
    queue([3], destination="gone")
    assert (drain(), paths(peer)) == (Drained(delivered=1), ["/n/1"])


def test_a_group_keeps_its_order_while_the_peer_refuses_and_others_overtake(
    drain: Any, queue: Any, peer: Peer, quick: None
) -> None:
    queue([1, 2, 3], "g")
    queue([4])
    script(peer, status=503, times=2)
    assert drain() == Drained(delivered=4, failed=2)
    accepted = paths(peer, 200)
    assert [path for path in accepted if path != "/n/4"] == ["/n/1", "/n/2", "/n/3"]
    assert Counter(paths(peer, 503)) == {"/n/1": 1, "/n/4": 1}


def test_a_dead_head_parks_its_group_until_it_is_sent_again(
    drain: Any, queue: Any, peer: Peer, states: Any, connections: Connections, quick: None
) -> None:
    queue([1, 2], "g")
    queue([3], "h")
    script(peer, status=500, times=1)
    assert drain(attempts=1) == Drained(delivered=1, dead=1)
    assert states() == [(1, "dead", 1), (2, "waiting", 0), (3, "delivered", 0)]
    messages = Messages(connections.get("shop"), "orders")
    assert messages.retry_dead() == 1
    assert drain() == Drained(delivered=2)
    assert paths(peer, 200) == ["/n/3", "/n/1", "/n/2"]


def test_a_dead_head_that_is_discarded_lets_its_group_go(drain: Any, queue: Any, peer: Peer, connections: Connections) -> None:
    queue([1, 2], "g")
    script(peer, status=500, times=1)
    assert drain(attempts=1) == Drained(dead=1)
    Messages(connections.get("shop"), "orders").discard(1)
    assert (drain(), paths(peer, 200)) == (Drained(delivered=1), ["/n/2"])


def test_retry_after_is_waited_for_and_holds_for_all_that_goes_there(
    drain: Any, queue: Any, peer: Peer, query: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(range(5))
    script(peer, status=429, retry_after=30, times=1)
    assert drain(once=True) == Drained(failed=1)
    assert query("SELECT count(*) FROM portl_outbox WHERE due_at - answered_at >= interval '30 s'") == [(1,)]
    query("UPDATE portl_outbox SET due_at = now()")
    script(peer, status=429, retry_after=30, times=1)
    monkeypatch.setenv("PORTL_TIME_SCALE", "0.02")
    before = len(peer.calls())
    assert drain() == Drained(delivered=5, failed=1)
    refused, *rest = [datetime.fromisoformat(call["ts"]) for call in peer.calls()[before:]]
    assert (min(rest) - refused).total_seconds() >= 0.6
    assert len(rest) == 5


def test_pauses_grow_with_failures_are_drawn_anew_and_end(
    drain: Any, queue: Any, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTL_TIME_SCALE", "0.0001")
    queue(range(8))
    script(peer, status=503)
    seen: list[Sent] = []
    drained = drain(seen.append, attempts=6)
    assert drained == Drained(failed=40, dead=8)
    pauses = [(sent.message.failures, sent.pause_s / 0.0001) for sent in seen if sent.pause_s is not None]
    assert [pause for failures, pause in pauses if not 0 <= pause <= 2 * 2**failures] == []
    assert len({pause for _, pause in pauses}) == 40
    assert max(pause for failures, pause in pauses if failures == 4) > 2


def test_a_dead_message_keeps_the_last_answer_cut_and_masked(
    drain: Any, queue: Any, query: Any, specs: Any, echo_url: str
) -> None:
    specs["notify"]["base_url"] = echo_url
    queue([1])
    assert drain(attempts=1) == Drained(dead=1)
    [(status, answer, failures)] = query("SELECT answer_status, answer, failures FROM portl_outbox")
    assert (status, failures, len(answer)) == (500, 1, 500)
    assert answer == "x" * 490 + "Bearer ***"


def test_a_message_whose_answer_is_odd_is_delivered_and_marked_and_sent_once(
    drain: Any, queue: Any, query: Any, specs: Any, odd_url: str
) -> None:
    specs["notify"]["base_url"] = odd_url
    queue(range(1, 9))
    assert drain() == Drained(delivered=8)
    answers = [answer for (answer,) in query("SELECT answer FROM portl_outbox ORDER BY id LIMIT 4")]
    assert answers == ['{"v": NaN}', '{"v": "\\ud83d"}', "\ufffd", '{"v":"\\u0000"}']


def test_a_peer_that_cannot_be_reached_is_a_failure_that_says_why(drain: Any, queue: Any, query: Any, specs: Any) -> None:
    specs["notify"]["base_url"] = "http://127.0.0.1:1"
    queue([1])
    assert drain(once=True) == Drained(failed=1)
    [(status, answer, state)] = query("SELECT answer_status, answer, state FROM portl_outbox")
    assert (status, state, "could not be reached" in answer) == (None, "waiting", True)


def test_a_destination_whose_variable_is_not_set_stops_the_drain_before_anything_is_taken(
    drain: Any, queue: Any, query: Any, specs: Any
) -> None:
    specs["notify"]["base_url"] = "${env:PORTL_TEST_NOT_SET}"
    queue([1])
    with pytest.raises(MissingVariable):
        drain()
    assert query("SELECT claims, failures FROM portl_outbox") == [(0, 0)]


def test_a_lease_that_ran_out_cannot_mark(claims: Claims, queue: Any, query: Any) -> None:
    queue([1])
    first = claims.claim(["notify"], 10, 0.1)
    assert claims.claim(["notify"], 10, 60).messages == ()
    time.sleep(0.15)
    assert claims.delivered(first.messages[0], first.lease, OK) is False
    second = claims.claim(["notify"], 10, 60)
    assert second.messages == first.messages
    assert claims.delivered(first.messages[0], first.lease, OK) is False
    assert claims.failed(first.messages[0], first.lease, OK, None) is False
    assert query("SELECT state, claims, failures FROM portl_outbox") == [("waiting", 2, 0)]
    assert claims.delivered(second.messages[0], second.lease, OK) is True
    assert query("SELECT state, claims, failures, lease FROM portl_outbox") == [("delivered", 2, 0, None)]


def test_of_a_group_only_its_head_can_be_taken(claims: Claims, queue: Any) -> None:
    queue([1, 2], "g")
    queue([3], "h")
    taken = claims.claim(["notify"], 10, 60)
    assert [message.request["json"]["n"] for message in taken.messages] == [1, 3]
    assert claims.claim(["notify"], 10, 60).messages == ()
    claims.delivered(taken.messages[0], taken.lease, OK)
    assert [message.request["json"]["n"] for message in claims.claim(["notify"], 10, 60).messages] == [2]


def test_what_was_taken_and_not_sent_is_given_back(claims: Claims, queue: Any) -> None:
    queue([1, 2])
    taken = claims.claim(["notify"], 10, 60)
    claims.release(taken.messages[1:], taken.lease)
    assert claims.claim(["notify"], 10, 60).messages == taken.messages[1:]


def test_so_many_are_sent_and_no_more(drain: Any, queue: Any, peer: Peer) -> None:
    queue(range(25))
    assert (drain(most=13), len(peer.calls())) == (Drained(delivered=13), 13)


def test_once_waits_for_nothing(drain: Any, queue: Any, peer: Peer, states: Any) -> None:
    queue([1, 2])
    script(peer, status=503, times=1)
    assert drain(once=True) == Drained(delivered=1, failed=1)
    assert states() == [(1, "waiting", 1), (2, "delivered", 0)]
