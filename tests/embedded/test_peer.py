"""The peer stands for the APIs of a job: what it was sent can be read afterwards, whatever it was, whatever it answered."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from portl.errors import SetupError
from portl_cli.embedded import Peer, start_peer

STARTER = """
import pathlib, sys, time
from portl_cli.embedded import start_peer
print(start_peer(pathlib.Path(sys.argv[1])).url, flush=True)
time.sleep(60)
"""


def statuses(peer: Peer, count: int) -> list[int]:
    return [httpx.post(f"{peer.url}/x").status_code for _ in range(count)]


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", httpx.URL(url).port)) == 0


def shown(peer: Peer) -> list[tuple[Any, ...]]:
    return [(call["n"], call["method"], call["path"], call["body"], call["status"]) for call in peer.calls()]


def test_a_call_is_recorded_with_its_headers_and_its_parsed_body(peer: Peer) -> None:
    answer = httpx.post(f"{peer.url}/resources?x=1", json={"name": "Žofie"}, headers={"Idempotency-Key": "k-1"})
    [call] = peer.calls()
    assert (answer.status_code, answer.json()) == (200, {"id": 1, "received": True})
    assert sorted(call) == ["body", "headers", "method", "n", "path", "status", "ts"]
    assert (call["headers"]["idempotency-key"], call["headers"]["content-type"]) == ("k-1", "application/json")
    assert shown(peer) == [(1, "POST", "/resources?x=1", {"name": "Žofie"}, 200)]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
def test_every_method_is_taken(peer: Peer, method: str) -> None:
    assert httpx.request(method, f"{peer.url}/a").json() == {"id": 1, "received": True}
    assert shown(peer) == [(1, method, "/a", None, 200)]


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"", None),
        (b"plain, no JSON", "plain, no JSON"),
        (b'{"cut": ', '{"cut": '),
        (b"\xff\xfe\xfa", "\ufffd\ufffd\ufffd"),
        (b'"two\\u2028lines\\u0085in one"', "two\u2028lines\u0085in one"),
        (b'"\\ud800"', "\ud800"),
        (b"[" * 200_000, "[" * 200_000),
    ],
    ids=["none", "text", "broken JSON", "not UTF-8", "line separators", "half a surrogate pair", "too deep"],
)
def test_any_body_is_recorded_as_json_or_as_text(peer: Peer, content: bytes, body: Any) -> None:
    assert httpx.post(peer.url, content=content).status_code == 200
    assert shown(peer) == [(1, "POST", "/", body, 200)]


def test_a_body_that_comes_in_chunks_is_put_together(peer: Peer) -> None:
    with httpx.Client() as client:
        client.post(peer.url, content=iter([b'{"a":', b" 1}"]))
        client.post(peer.url, json=2)
    assert [call["body"] for call in peer.calls()] == [{"a": 1}, 2]


def test_a_length_that_is_no_length_is_refused_and_not_recorded(peer: Peer) -> None:
    for length in ("-1", "many", str(1 << 60)):
        connection = http.client.HTTPConnection(peer.url.removeprefix("http://"))
        connection.request("POST", "/", headers={"Content-Length": length})
        assert connection.getresponse().status == 400
        connection.close()
    assert peer.calls() == []


def test_calls_from_many_threads_are_each_recorded_once_under_a_number_of_their_own(peer: Peer) -> None:
    with httpx.Client() as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: (n, client.post(peer.url, json=n).json()["id"]), range(200)))
    calls = peer.calls()
    assert [call["n"] for call in calls] == list(range(1, 201))
    assert {(call["body"], call["n"]) for call in calls} == set(answers)


def test_a_script_refuses_every_third_call_with_a_time_to_wait(peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 503, "retry_after": 5, "every": 3, "times": 2})
    answers = [httpx.post(f"{peer.url}/x") for _ in range(9)]
    assert [answer.status_code for answer in answers] == [200, 200, 503, 200, 200, 503, 200, 200, 200]
    assert (answers[2].headers["Retry-After"], answers[2].json()) == ("5", {"id": 3, "received": False})
    assert [call["status"] for call in peer.calls()] == [answer.status_code for answer in answers]


def test_a_script_is_not_a_call_and_needs_no_time_to_wait(peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 429, "retry_after": None, "times": 1})
    refused = httpx.post(f"{peer.url}/x")
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, False)
    assert shown(peer) == [(1, "POST", "/x", None, 429)]


def test_a_script_without_times_goes_on_until_the_next_one(peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 500})
    before = statuses(peer, 3)
    httpx.post(f"{peer.url}/_script", json={})
    assert (before, statuses(peer, 2)) == ([500, 500, 500], [200, 200])


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([1], "a script is an object"),
        ({"stats": 503}, "a script has no stats"),
        ({"status": 99}, "status is 99; it is a whole number from 200 to 599"),
        ({"every": 0}, "every is 0; it is a whole number from 1"),
        ({"times": "two"}, "times is 'two'; it is a whole number from 0"),
        ({"retry_after": "soon"}, "retry_after is 'soon'; it is a number of seconds"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_and_changes_nothing(peer: Peer, script: Any, error: str) -> None:
    answer = httpx.post(f"{peer.url}/_script", json=script)
    assert (answer.status_code, answer.json(), statuses(peer, 2)) == (400, {"error": error}, [200, 200])


def test_a_second_peer_on_the_same_file_goes_on_counting(tmp_path: Path) -> None:
    for _ in range(2):
        with start_peer(tmp_path / "calls.jsonl") as peer:
            httpx.post(peer.url)
    assert [call["n"] for call in peer.calls()] == [1, 2]


def test_a_peer_that_was_called_by_nobody_has_no_calls(peer: Peer) -> None:
    assert peer.calls() == []


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupError, match="V112 the peer for HTTP APIs does not start") as caught:
        start_peer(tmp_path / "missing" / "calls.jsonl")
    assert (str(tmp_path / "missing") in caught.value.hint, "No such file" in capfd.readouterr().err) == (True, True)


def test_a_peer_ends_with_the_process_that_started_it_and_its_record_stays(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    parent = subprocess.Popen([sys.executable, "-c", STARTER, str(file)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    httpx.post(url, json={"a": 1})
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while listens(url):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert json.loads(file.read_text("utf-8").splitlines()[0])["body"] == {"a": 1}


def test_a_pooled_client_gets_a_thousand_answers_well_within_a_second_or_two(peer: Peer) -> None:
    """Two thousand a second are promised; a quarter of that leaves room for a machine with other work."""
    connection = http.client.HTTPConnection(peer.url.removeprefix("http://"))
    begun = time.monotonic()
    for n in range(1000):
        connection.request("POST", "/x", body=str(n))
        connection.getresponse().read()
    taken = time.monotonic() - begun
    connection.close()
    assert (taken < 2, len(peer.calls())) == (True, 1000)


@pytest.mark.parametrize("sent", [b"", b'{"n": 1'])
def test_a_call_whose_sender_dies_before_all_of_it_is_sent_is_no_call(peer: Peer, sent: bytes) -> None:
    at = httpx.URL(peer.url)
    with socket.create_connection((at.host, at.port or 0)) as caller:
        caller.sendall(b"POST /a HTTP/1.1\r\nHost: peer\r\nContent-Length: 8\r\n\r\n" + sent)
        caller.shutdown(socket.SHUT_WR)
        assert caller.recv(1) == b""
    assert statuses(peer, 1) == [200]
    assert shown(peer) == [(1, "POST", "/x", None, 200)]
