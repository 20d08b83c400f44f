"""One event is one run, and a schedule begins no run that its overlap policy forbids."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portl.errors import Permanent
from portl.triggers import start_event
from triggers.support import DROPPED, MACHINE, NIGHTLY, TOLD, FakeStarter, event


def request(spec: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in spec.items() if name != "pattern"}
    return {"job": "sync", "machine": MACHINE, "trigger": own, "event": sent}


def moment(time: str, overlap: str) -> dict[str, Any]:
    return request({**NIGHTLY, "overlap": overlap}, {**event("schedule"), "time": time})


def queued(*requests: dict[str, Any]) -> dict[str, Any]:
    """As SQS hands messages to a function. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    named = enumerate(requests)
    return {"Records": [{"messageId": f"m{at}", "eventSource": "aws:sqs", "body": json.dumps(each)} for at, each in named]}


@pytest.mark.parametrize(
    ("spec", "name", "given"),
    [
        (DROPPED, "s3_object_created", {"path": "s3://amzn-s3-demo-bucket1/resources/2026-11-12.csv"}),
        (NIGHTLY, "schedule", {"day": "2026-11-12"}),
        (TOLD, "custom", {"path": "statemachines/resource_sync/resources.csv"}),
    ],
)
def test_an_event_becomes_the_parameters_of_one_run_however_often_it_comes(
    spec: dict[str, Any], name: str, given: dict[str, Any]
) -> None:
    starter = FakeStarter()
    first, again = (start_event(request(spec, event(name)), starter) for _ in range(2))
    assert (first["what"], again["what"], first["run"] == again["run"]) == ("started", "known", True)
    assert starter.inputs == {first["run"]: given}


def test_values_of_an_event_keep_their_type() -> None:
    spec = {**DROPPED, "params": {"size": "{{ event.size }}", "all": "{{ event }}", "fixed": 3}}
    starter = FakeStarter()
    found = starter.inputs[start_event(request(spec, event("s3_object_created")), starter)["run"]]
    assert (found["size"], found["fixed"], found["all"]["sequencer"]) == (812, 3, "617f08299329d189")


def test_an_event_that_does_not_fit_and_an_expression_that_fails_are_told_for_good() -> None:
    with pytest.raises(Permanent, match=r"R191 the event has no 'detail'"):
        start_event(request(DROPPED, {"id": "x"}), FakeStarter())
    failing = {**TOLD, "params": {"path": "{{ event.detail.nothing.there }}"}}
    with pytest.raises(Permanent, match="T110"):
        start_event(request(failing, event("custom")), FakeStarter())


def test_skip_begins_nothing_while_a_run_goes_on_and_knows_its_own_run_again() -> None:
    starter = FakeStarter()
    first = start_event(moment("2026-11-12T05:00:00Z", "skip"), starter)
    assert start_event(moment("2026-11-12T05:00:00Z", "skip"), starter) == {"run": first["run"], "what": "known"}
    assert start_event(moment("2026-11-12T06:00:00Z", "skip"), starter)["what"] == "skipped"
    starter.end()
    assert start_event(moment("2026-11-12T07:00:00Z", "skip"), starter)["what"] == "started"
    assert [given["day"] for given in starter.inputs.values()] == ["2026-11-12"] * 2


def test_since_is_the_time_of_the_last_run_of_the_schedule_that_succeeded() -> None:
    starter, spec = FakeStarter(), {**NIGHTLY, "params": {"since": "{{ event.since }}", "until": "{{ event.time }}"}}

    def at(hour: int, trigger: str = "nightly") -> None:
        sent = {**event("schedule"), "time": f"2026-11-12T{hour:02}:00:00Z"}
        start_event(request({**spec, "id": trigger}, sent), starter)

    at(5)
    starter.end()
    at(6)
    starter.end(failed=True)
    at(7)
    starter.end()
    at(8, "another")
    starter.end()
    starter.start(MACHINE, "sync-by-hand", {})
    starter.end()
    at(9)
    given = [(each["since"], each["until"]) for each in starter.inputs.values() if each]
    assert [[time and time[11:13] for time in each] for each in given] == [
        [None, "05"],
        ["05", "06"],
        ["05", "07"],
        [None, "08"],
        ["07", "09"],
    ]


def test_allow_begins_a_run_beside_another() -> None:
    starter = FakeStarter()
    found = [start_event(moment(f"2026-11-12T0{hour}:00:00Z", "allow"), starter)["what"] for hour in (5, 6)]
    assert (found, len(starter.inputs)) == (["started", "started"], 2)


def test_what_is_queued_comes_again_until_no_run_goes_on_and_then_begins_once() -> None:
    starter = FakeStarter()
    assert start_event(queued(moment("2026-11-12T05:00:00Z", "queue")), starter) == {"batchItemFailures": []}
    later = queued(moment("2026-11-12T06:00:00Z", "queue"))
    assert start_event(later, starter) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert len(starter.inputs) == 1
    starter.end()
    assert start_event(later, starter) == {"batchItemFailures": []}
    assert start_event(later, starter) == {"batchItemFailures": []}
    assert (len(starter.inputs), starter.awaited[:2]) == (2, list(starter.inputs))
