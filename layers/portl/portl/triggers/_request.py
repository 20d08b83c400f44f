"""What a rule or a schedule sends to ``start_run``: the job's machine, its trigger, and the event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portl.jobs import TriggerSpec, read_trigger


@dataclass(frozen=True, slots=True)
class StartRequest:
    """One event for one job. ``machine`` is the ARN of its state machine, ``below`` as of ``happened``."""

    job: str
    machine: str
    trigger: TriggerSpec
    event: Mapping[str, Any]
    below: str = ""
    queued: bool = False
    """Whether it waits in a queue that brings it again until it is begun."""


def request_document(job: str, machine: str, trigger: TriggerSpec, below: str = "") -> dict[str, Any]:
    """The request as JSON, but for its event. What ``StartRequest`` reads again in ``read_request``."""
    spec = trigger.model_dump(exclude_defaults=True, exclude={"retry", "pattern", "bus"}) | {"type": trigger.type}
    return {"job": job, "machine": machine, "trigger": spec, **({"below": below} if below else {})}


def read_request(document: Mapping[str, Any], *, queued: bool = False) -> StartRequest:
    """A request out of its JSON."""
    spec = dict(document["trigger"])
    if spec["type"] == "event":
        spec["pattern"] = {"source": [{"exists": True}]}  # that it fits was asked before
    trigger = read_trigger(spec)
    return StartRequest(document["job"], document["machine"], trigger, document["event"], document.get("below", ""), queued)


def requests_of(event: Mapping[str, Any]) -> list[tuple[str, StartRequest]]:
    """The requests of an invocation, each with the id of the queue's message it came in, or an empty one.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    if "Records" not in event:
        return [("", read_request(event))]
    return [(each["messageId"], read_request(json.loads(each["body"]), queued=True)) for each in event["Records"]]
