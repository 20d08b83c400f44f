"""What starts a job by itself: files that come into a bucket, the clock, or an event that somebody sends."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from portl.jobs._diagnostics import closest
from portl.jobs._schema import defined_as
from portl.jobs._strict import Name, Strict

_BUCKET = r"^(?:[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|\$\{env:[A-Za-z_][A-Za-z0-9_]*\})$"
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


def _bucket(name: str) -> str:
    if re.fullmatch(_BUCKET, name) is None:
        raise PydanticCustomError("bucket", 'should be the name of a bucket, or "${env:NAME}"')
    return name


Bucket = Annotated[str, AfterValidator(_bucket), Field(json_schema_extra={"pattern": _BUCKET})]


class Delivery(Strict):
    """How long AWS tries to hand an event over; what cannot be handed over goes to the dead-letter queue.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """

    max_attempts: int = Field(default=185, ge=0, le=185, description="Attempts besides the first.")
    max_age_s: int = Field(default=86_400, ge=60, le=86_400, description="After so many seconds an event is given up.")


class TriggerSpec(Strict):
    """The fields every trigger has."""

    id: Name = Field(description="The trigger's name: unique in the job, letters, digits and _.")
    type: str
    params: dict[Name, Any] = Field(default={}, description="Parameter of the job → value; {{ }} reads event.")
    retry: Delivery = Field(default=Delivery(), description="How long AWS tries to hand an event over.")

    gives: ClassVar[frozenset[str]] = frozenset()
    """The fields that ``event`` has in the expressions of ``params``."""


class S3Trigger(TriggerSpec):
    """An object has come into a bucket; the bucket must send its events to EventBridge."""

    type: Literal["s3"]
    bucket: Bucket | None = Field(
        default=None, description='The bucket: its name, or "${env:NAME}" where each stage has its own.'
    )
    store: str | None = Field(
        default=None, description="Or a store of type s3 under connections: its bucket, below its prefix."
    )
    prefix: str = Field(default="", max_length=512, description="What the keys begin with; of a store, below its prefix.")
    suffix: str = Field(default="", max_length=512, description="What the keys end with.")

    gives: ClassVar[frozenset[str]] = frozenset(
        {"id", "time", "bucket", "key", "name", "uri", "address", "version", "etag", "size", "sequencer", "reason"}
    )

    @model_validator(mode="after")
    def _one_place(self) -> S3Trigger:
        if (self.bucket is None) == (self.store is None):
            raise PydanticCustomError("trigger", "an s3 trigger names a bucket or a store, one of the two")
        return self


class ScheduleTrigger(TriggerSpec):
    """The clock, through EventBridge Scheduler."""

    type: Literal["schedule"]
    expression: str = Field(description='"cron(0 6 ? * MON-FRI *)", "rate(15 minutes)", or "at(2026-12-24T18:00:00)".')
    timezone: str = Field(default="UTC", description="The zone of cron and at, by its IANA name, as Europe/Berlin.")
    overlap: Literal["skip", "queue", "allow"] = Field(
        default="skip",
        description="What becomes of a start while a run of the job goes on: left out, begun afterwards, or begun.",
    )
    window_minutes: int | None = Field(
        default=None, ge=1, le=1_440, description="How many minutes late it may begin; on the minute when not told."
    )

    gives: ClassVar[frozenset[str]] = frozenset({"id", "time", "since", "schedule"})


class EventTrigger(TriggerSpec):
    """An event on a bus of EventBridge that fits a pattern."""

    type: Literal["event"]
    pattern: dict[str, Any] = Field(min_length=1, description="A pattern of EventBridge, written as YAML.")
    bus: str = Field(default="default", min_length=1, max_length=256, description="The bus, by name or ARN.")

    gives: ClassVar[frozenset[str]] = frozenset({"id", "time", "type", "source", "account", "region", "resources", "detail"})


TRIGGER_TYPES: dict[str, type[TriggerSpec]] = {"s3": S3Trigger, "schedule": ScheduleTrigger, "event": EventTrigger}


def read_trigger(raw: Any, info: ValidationInfo | None = None) -> TriggerSpec:
    """The trigger that a mapping says. Raises pydantic's ValidationError, or PydanticCustomError where its type is none."""
    if isinstance(raw, TriggerSpec):
        return raw
    if not isinstance(raw, dict):
        raise PydanticCustomError("trigger", "a trigger is a mapping with id and type")
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise PydanticCustomError("trigger_untyped", "a trigger needs a type")
    if kind not in TRIGGER_TYPES:
        about = {"kind": repr(kind), "hint": closest(kind, TRIGGER_TYPES), "at": "type"}
        raise PydanticCustomError("trigger_type", "there is no trigger type {kind}", about)
    return TRIGGER_TYPES[kind].model_validate(raw, context=info.context if info else None)


AnyTrigger = Annotated[Any, PlainValidator(read_trigger), defined_as("Trigger")]
