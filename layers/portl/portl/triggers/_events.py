"""What an event says: the fields that a trigger's expressions read as ``event``, and what tells it from every other event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portl.errors import RunError
from portl.jobs import EventTrigger, S3Trigger, ScheduleTrigger, TriggerSpec
from portl.stores import name_parts
from portl.triggers._names import STAMP, told


@dataclass(frozen=True, slots=True)
class Happened:
    """An event as a trigger sees it.

    ``fields`` are what expressions read; ``identity`` is the same however often the event is delivered, and of no other event;
    ``readable`` is what a person would call it.
    """

    fields: dict[str, Any]
    identity: tuple[str, ...]
    readable: str


def happened(trigger: TriggerSpec, event: Mapping[str, Any], below: str = "", since: str | None = None) -> Happened:
    """What has happened.

    ``below`` is what the keys of an s3 trigger's store begin with, ``since`` when a schedule's last run was that succeeded.

    Raises:
        RunError: R191, the event is of another kind than the trigger.
    """
    try:
        match trigger:
            case S3Trigger():
                return _object(trigger, event, below)
            case ScheduleTrigger():
                return _moment(event, since)
            case EventTrigger():
                return _sent(event)
    except (KeyError, TypeError, ValueError) as problem:
        text = f'the event has no {problem}, which the trigger "{trigger.id}" of type {trigger.type} needs'
        hint = "docs/triggers.md shows the event of every type of trigger"
        raise RunError(text, code="R191", hint=hint) from problem
    raise AssertionError(trigger)


def _object(trigger: S3Trigger, event: Mapping[str, Any], below: str) -> Happened:
    """An object that came. EventBridge tells its key as it is; only S3's own notifications encode it as in a URL.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    detail = event["detail"]
    found, bucket = detail["object"], detail["bucket"]["name"]
    key, uri = found["key"], f"s3://{bucket}/{found['key']}"
    version, sequencer, etag = found.get("version-id"), found.get("sequencer"), found.get("etag")
    fields = {
        "id": event["id"],
        "time": event["time"],
        "bucket": bucket,
        "key": key,
        "name": name_parts(uri)["name"],
        "uri": uri,
        "address": uri if trigger.store is None else f"{trigger.store}:{key.removeprefix(below)}",
        "version": version,
        "etag": f'"{etag}"' if etag else None,
        "size": found.get("size"),
        "sequencer": sequencer,
        "reason": detail.get("reason"),
    }
    return Happened(fields, (bucket, key, version or "", sequencer or event["id"]), fields["name"])


def _moment(event: Mapping[str, Any], since: str | None) -> Happened:
    """A schedule's moment. The scheduled time is its identity: what the scheduler calls an id is new at every attempt.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    if not event["resources"]:
        raise KeyError("resources")
    moment = datetime.fromisoformat(event["time"]).astimezone(UTC)
    fields = {"id": event["id"], "time": told(moment), "since": since, "schedule": event["resources"][0]}
    return Happened(fields, (fields["time"],), f"{moment:{STAMP}}")


def _sent(event: Mapping[str, Any]) -> Happened:
    """An event that somebody sent. Its id is the same at every delivery.

    https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
    """
    same = {name: event[name] for name in ("id", "time", "source", "account", "region", "resources", "detail")}
    fields = {**same, "type": event["detail-type"]}
    return Happened(fields, (event["id"],), event["detail-type"])
