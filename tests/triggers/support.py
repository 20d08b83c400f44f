"""Events as AWS sends them, and triggers that take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portl.jobs import TriggerSpec, read_trigger

EVENTS = Path(__file__).resolve().parents[1] / "events"
"""The shapes of docs/triggers.md, each from the page of AWS that is named there."""
MACHINE = "arn:aws:states:eu-central-1:111122223333:stateMachine:portl-dev-sync"


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found


def object_event(**fields: Any) -> dict[str, Any]:
    """The event of an object, with fields of it changed; None takes one out."""
    found = event("s3_object_created")
    made = {**found["detail"]["object"], **{name.replace("_", "-"): value for name, value in fields.items()}}
    found["detail"]["object"] = {name: value for name, value in made.items() if value is not None}
    return found


DROPPED = {"id": "dropped", "type": "s3", "bucket": "amzn-s3-demo-bucket1", "params": {"path": "{{ event.uri }}"}}
NIGHTLY = {"id": "nightly", "type": "schedule", "expression": "rate(1 day)", "params": {"day": "{{ event.time[:10] }}"}}
TOLD = {
    "id": "told",
    "type": "event",
    "pattern": {"source": ["partner.resources"]},
    "params": {"path": "{{ event.detail.path }}"},
}


def trigger(spec: dict[str, Any], **more: Any) -> TriggerSpec:
    return read_trigger({**spec, **more})


@dataclass
class FakeStarter:
    """Runs as Step Functions has them: a name begins one run, and it goes on until ``end`` is called."""

    inputs: dict[str, Any] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    awaited: list[str] = field(default_factory=list)

    def start(self, machine: str, name: str, given: Any) -> bool:
        if name in self.inputs:
            return False
        self.inputs[name] = dict(given)
        self.running.add(name)
        return True

    def is_running(self, machine: str, besides: str) -> bool:
        return bool(self.running - {besides})

    def succeeded(self, machine: str) -> Iterator[str]:
        return (name for name in reversed(self.inputs) if name not in self.running | self.failed)

    def appeared(self, machine: str, name: str) -> None:
        self.awaited.append(name)

    def end(self, *, failed: bool = False) -> None:
        self.failed |= self.running if failed else set()
        self.running.clear()
