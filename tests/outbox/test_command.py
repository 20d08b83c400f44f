"""``portl outbox``: what people do with messages, and what they are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from portl_cli.commands.outbox import command
from portl_cli.embedded import Peer

pytestmark = pytest.mark.postgres
NUMBER = re.compile(r'(?<="id":)( ?)\d+')
"""What the peer counts its calls by."""


@pytest.fixture
def outbox(write_job: Any, variables: dict[str, str]) -> Any:
    job = str(write_job())

    def go(name: str, *arguments: str, **more: str) -> Result:
        return CliRunner(env={**variables, "PORTL_TIME_SCALE": "0.001", **more}).invoke(
            command, [name, job, *arguments], standalone_mode=False
        )

    return go


def script(peer: Peer, **how: Any) -> None:
    assert httpx.post(peer.url + "/_script", json=how).status_code == 200


def listed(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_drain_says_what_was_delivered_what_failed_and_what_is_left(outbox: Any, queue: Any, peer: Peer) -> None:
    queue([1, 2], "g")
    queue([3])
    script(peer, status=500, times=3)
    ended = outbox("drain", "--attempts", "2")
    assert (ended.return_value, ended.stdout) == (1, "1 delivered, 2 failed, 1 dead; left: 1 waiting, 1 dead\n")
    [told] = [line for line in ended.stderr.splitlines() if "dead" in line]
    assert NUMBER.sub(r"\1N", told) == 'message 1 to notify: dead, not again: 500: {"id": N, "received": false}'
    as_json = outbox("drain", "--json")
    assert (as_json.return_value, json.loads(as_json.stdout)) == (
        0,
        {"delivered": 0, "failed": 0, "dead": 0, "lost": 0, "left": {"dead": 1, "waiting": 1}},
    )


def test_list_shows_each_message_with_its_last_answer(outbox: Any, queue: Any, peer: Peer) -> None:
    queue([1], "g")
    queue([2])
    script(peer, status=500, times=1)
    outbox("drain", "--attempts", "1")
    assert [NUMBER.sub(r"\1N", line) for line in outbox("list").output.splitlines()] == [
        '     1  dead       notify POST /n/1  group g  failed 1 times  answered 500 {"id": N, "received": false}',
        '     2  delivered  notify POST /n/2  answered 200 {"id":N,"received":true}',
        "shop: 1 delivered, 1 dead",
    ]
    [dead] = listed(outbox("list", "--state", "dead", "--json"))
    shown = ("connection", "id", "state", "destination", "dedup_key", "idempotency_key", "group", "failures", "answer_status")
    assert [dead[name] for name in shown] == ["shop", 1, "dead", "notify", "1", "key-1", "g", 1, 500]
    assert dead["request"] == {"method": "POST", "path": "/n/1", "json": {"n": 1}}


def test_a_message_under_a_lease_is_listed_so_and_left_alone(outbox: Any, queue: Any, query: Any) -> None:
    queue([1])
    query("UPDATE portl_outbox SET lease = 'another', leased_until = now() + interval '1 min'")
    assert [message["state"] for message in listed(outbox("list", "--json"))] == ["leased"]
    for name in ("retry", "discard"):
        assert "message 1 cannot be" in str(outbox(name, "1").exception)
        assert "it is being sent" in str(outbox(name, "1").exception)
    query("UPDATE portl_outbox SET leased_until = now() - interval '1 s'")
    assert [message["state"] for message in listed(outbox("list", "--json"))] == ["waiting"]


def test_a_dead_message_is_sent_again_by_its_id_or_with_all_others(outbox: Any, queue: Any, peer: Peer, states: Any) -> None:
    queue([1, 2, 3])
    script(peer, status=500, times=3)
    assert outbox("drain", "--attempts", "1").return_value == 1
    assert outbox("retry", "2").output == "message 2 is due now\n"
    assert states() == [(1, "dead", 1), (2, "waiting", 0), (3, "dead", 1)]
    assert outbox("retry", "--all-dead").output == "2 due now\n"
    assert outbox("drain").output == "3 delivered\n"
    assert {call["headers"]["idempotency-key"] for call in peer.calls()} == {"key-1", "key-2", "key-3"}


def test_a_discarded_message_is_gone_and_a_delivered_one_cannot_be(outbox: Any, queue: Any, states: Any) -> None:
    queue([1, 2])
    assert outbox("discard", "1").output == "message 1 is gone\n"
    assert outbox("drain").output == "1 delivered\n"
    assert states() == [(2, "delivered", 0)]
    discarded, retried = outbox("discard", "2").exception, outbox("retry", "1").exception
    assert "R131 message 2 cannot be discarded: it is delivered" in str(discarded)
    assert "R131 the outbox of orders has no message 1" in str(retried)
    assert [isinstance(each, click.UsageError) for each in (discarded, retried)] == [False, False], "nobody mistyped a command"


def test_an_outbox_that_nothing_was_ever_queued_in_is_empty(outbox: Any) -> None:
    assert outbox("drain").output == "nothing was due\n"
    assert outbox("list").output == "shop: no messages\n"
    assert outbox("retry", "--all-dead").output == "0 due now\n"
    assert "has no message 1" in str(outbox("discard", "1").exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("retry",), "give the ID of a message, or --all-dead"),
        (("retry", "1", "--all-dead"), "give the ID of a message, or --all-dead"),
        (("list", "--connection", "notify"), "the databases of the job are shop"),
    ],
)
def test_a_wrong_command_line_is_told(outbox: Any, arguments: tuple[str, ...], told: str) -> None:
    assert told in str(outbox(*arguments).exception)


def test_of_several_databases_one_must_be_named_for_an_id(write_job: Any, variables: dict[str, str]) -> None:
    second = {
        "transaction: {scope: db, connection: shop}\n": '  more: {type: postgres, url: "${env:PG_URL}"}\n',
        "table: orders\n": "table: orders\n    connection: shop\n",
        "destination: notify\n": "destination: notify\n    connection: shop\n",
        "json: {n:": "json: {m:",
    }
    job = write_job(second)
    text = job.read_text("utf-8")
    also = "  - {id: also, type: outbox.enqueue, connection: more, destination: notify, request: {path: /also}}\n"
    job.write_text(text + also, "utf-8")
    runner = CliRunner(env=variables)
    told = runner.invoke(command, ["discard", str(job), "1"], standalone_mode=False)
    assert "--connection more or shop" in str(told.exception)
    assert runner.invoke(command, ["list", str(job)], standalone_mode=False).output == "more: no messages\nshop: no messages\n"
    named = runner.invoke(command, ["list", str(job), "--connection", "more"], standalone_mode=False)
    assert named.output == "more: no messages\n"


def test_a_job_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(command, ["drain", str(tmp_path / "none.yaml")], standalone_mode=False)
    assert "none.yaml is not there" in str(told.exception)
