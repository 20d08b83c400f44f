"""What an event says to a job, and which events are one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.errors import RunError
from portl.jobs import TRIGGER_TYPES
from portl.triggers import execution_name, happened
from portl.triggers._names import moment_of
from triggers.support import DROPPED, NIGHTLY, TOLD, event, object_event, trigger

ALLOWED = re.compile(r"[A-Za-z0-9_-]{1,80}")


def test_an_object_is_told_with_its_very_key_version_and_etag() -> None:
    assert happened(trigger(DROPPED), event("s3_object_created")).fields == {
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "time": "2026-11-12T00:00:00Z",
        "bucket": "amzn-s3-demo-bucket1",
        "key": "resources/2026-11-12.csv",
        "name": "2026-11-12.csv",
        "uri": "s3://amzn-s3-demo-bucket1/resources/2026-11-12.csv",
        "address": "s3://amzn-s3-demo-bucket1/resources/2026-11-12.csv",
        "version": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "etag": '"b1946ac92492d2347c6235b4d2611184"',
        "size": 812,
        "sequencer": "617f08299329d189",
        "reason": "PutObject",
    }


def test_below_the_prefix_of_a_store_an_object_has_the_stores_address() -> None:
    of_a_store = trigger({**DROPPED, "bucket": None, "store": "lake"})
    found = happened(of_a_store, object_event(key="raw/in/a.csv"), "raw/").fields
    assert (found["address"], found["uri"]) == ("lake:in/a.csv", "s3://amzn-s3-demo-bucket1/raw/in/a.csv")


@pytest.mark.parametrize("key", ["in/a+b%20c.csv", "in//a.csv", "in/ü\u0308 \n.csv", "in/../a.csv", "in/a[1]*.csv"])
def test_a_key_is_taken_as_it_stands(key: str) -> None:
    """EventBridge does not encode it; S3's own notifications would."""
    found = happened(trigger(DROPPED), object_event(key=key)).fields
    assert (found["key"], found["uri"]) == (key, f"s3://amzn-s3-demo-bucket1/{key}")


def test_a_bucket_without_versions_gives_none() -> None:
    found = happened(trigger(DROPPED), object_event(version_id=None)).fields
    assert (found["version"], found["etag"]) == (None, '"b1946ac92492d2347c6235b4d2611184"')


def test_a_schedule_gives_the_time_it_was_meant_for() -> None:
    found = happened(trigger(NIGHTLY), event("schedule"), since="2026-11-11T05:00:00Z").fields
    assert (found["time"], found["since"], found["schedule"].rpartition("/")[2]) == (
        "2026-11-12T05:00:00Z",
        "2026-11-11T05:00:00Z",
        "portl-dev-ResourceSyncNightlySchedule-1AB2CD3EF4GH",
    )


def test_another_event_gives_all_that_it_says() -> None:
    found = happened(trigger(TOLD), event("custom")).fields
    assert (found["type"], found["source"], found["detail"]["records"]) == ("Resources Ready", "partner.resources", 5169)


@pytest.mark.parametrize(("spec", "name"), [(DROPPED, "s3_object_created"), (NIGHTLY, "schedule"), (TOLD, "custom")])
def test_what_the_check_knows_of_an_event_is_what_it_has(spec: dict[str, Any], name: str) -> None:
    assert happened(trigger(spec), event(name)).fields.keys() == TRIGGER_TYPES[spec["type"]].gives


@pytest.mark.parametrize(
    ("spec", "name"), [(DROPPED, "custom"), (NIGHTLY, "custom"), (DROPPED, "schedule"), (TOLD, "schedule")]
)
def test_an_event_of_another_kind_is_refused_by_what_it_lacks(spec: dict[str, Any], name: str) -> None:
    with pytest.raises(RunError, match=r"R191 .*the event has no .*which the trigger"):
        happened(trigger(spec), event(name))


def name_of(found: Any, trigger: str = "dropped") -> str:
    return execution_name("resource_sync", trigger, found.identity, found.readable)


def test_a_name_says_what_it_is_about_and_is_the_same_at_every_delivery() -> None:
    first, again = (happened(trigger(DROPPED), event("s3_object_created")) for _ in range(2))
    assert name_of(first) == name_of(again) == "resource_sync-2026_11_12_csv-" + name_of(first)[-16:]


@pytest.mark.parametrize(
    "other", [{"key": "resources/b.csv"}, {"version_id": "other"}, {"sequencer": "617f08299329d18a"}, {"version_id": None}]
)
def test_another_object_another_version_and_another_write_have_other_names(other: dict[str, Any]) -> None:
    one, two = happened(trigger(DROPPED), event("s3_object_created")), happened(trigger(DROPPED), object_event(**other))
    assert name_of(one) != name_of(two)


@given(
    job=st.from_regex(r"\A[A-Za-z][A-Za-z0-9_-]{0,47}\Z"),
    trigger=st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,39}\Z"),
    moment=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds it
)
def test_a_schedules_name_tells_its_time_to_the_schedule_and_to_no_other(job: str, trigger: str, moment: datetime) -> None:
    time = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    name = execution_name(job, trigger, (time,), f"{moment:%Y%m%d%H%M%S}")
    assert (moment_of(name, job, trigger), moment_of(name, job, f"{trigger}_")) == (time, None)
    assert (moment_of(f"{job}-20261112T050000-1a2b", job, trigger), moment_of(name, f"{job}x", trigger)) == (None, None)


def test_two_triggers_of_one_event_are_two_runs() -> None:
    found = happened(trigger(DROPPED), event("s3_object_created"))
    assert name_of(found) != name_of(found, "other")


def test_a_schedule_that_is_tried_again_is_the_same_run_though_its_id_is_another() -> None:
    again = {**event("schedule"), "id": "another-attempt"}
    assert name_of(happened(trigger(NIGHTLY), event("schedule"))) == name_of(happened(trigger(NIGHTLY), again))


@given(
    job=st.from_regex(r"\A[A-Za-z][A-Za-z0-9_-]{0,47}\Z"),
    identity=st.lists(st.text(), min_size=1, max_size=4),
    readable=st.text(max_size=200),
)
def test_any_name_is_one_that_step_functions_takes(job: str, identity: list[str], readable: str) -> None:
    assert ALLOWED.fullmatch(execution_name(job, "t" * 40, identity, readable))
