"""``outbox.enqueue``: a request is written into the open transaction, to be sent once that has committed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from portl.connections import Connections, variables
from portl.errors import MappingError, Place
from portl.jobs import ResultShape, StepSpec, alone
from portl.runs import ENQUEUE, ENQUEUED_COLUMNS, OUTBOX, CallKey, Scope, Statement, StepType, single_step
from portl.values import Unknown, as_string, canonical_json, compile_value, to_json

_BODIES = ("json", "body", "form")
_ONE_BODY: dict[str, Any] = {"dependencies": {"json": alone("body", "form"), "body": alone("form")}}


class OutboxRequest(BaseModel):
    """What is sent. Any 2xx means that it was delivered."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra=_ONE_BODY)

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", description="POST when not told.")
    path: str = Field(description="The address under the destination's base_url.")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent besides those of the destination.")
    query: dict[str, Any] = Field(default_factory=dict, description="What stands behind the ? of the address.")
    json_: Any = Field(default=None, alias="json", description="The body, as JSON.")
    body: str | None = Field(default=None, description="The body, as text.")
    form: dict[str, Any] | None = Field(default=None, description="The body, as the fields of a form.")

    def parts(self) -> dict[str, Any]:
        """The fields that are there, by the names a job has for them."""
        given = self.model_dump(by_alias=True)
        return {name: value for name, value in given.items() if value is not None and (value or name in _BODIES)}


class OutboxEnqueue(StepSpec):
    """Queues one request. It commits with the step's transaction, and `portl outbox drain` sends it, at least once."""

    destination: str = Field(description="The http connection it goes to.")
    request: OutboxRequest = Field(description="What is sent.")
    dedup_key: str | None = Field(
        default=None, description="A message of this key is queued once; made of job, run key, step and record when not told."
    )
    group: str | None = Field(default=None, description="Messages of a group are delivered in the order they were queued in.")

    connects_to: ClassVar[str | None] = "postgres"
    shape: ClassVar[ResultShape] = ResultShape(frozenset({"id", "was_queued"}))

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        for name, value in self.request.parts().items():
            yield ("request", name), value
        for name, value in (("dedup_key", self.dedup_key), ("group", self.group)):
            if value is not None:
                yield (name,), value

    def names_connections(self) -> Iterator[tuple[str, str]]:
        """See StepSpec."""
        yield "destination", "http"

    def writes(self) -> frozenset[str]:
        """See StepSpec."""
        return frozenset({OUTBOX})

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """One body, and nothing that would have to be resolved: a row is read by more people than a secret is for."""
        parts = self.request.parts()
        bodies = [name for name in _BODIES if name in parts]
        if len(bodies) > 1:
            yield ("request", bodies[1]), "J004", f"a request has one body, not {' and '.join(bodies)}", "leave one of them"
        for name, value in parts.items():
            for kind, variable in variables(value):
                text = f"${{{kind}:{variable}}} is not resolved in a message of the outbox"
                hint = "let a header of the destination carry it: those are added when the message is sent"
                yield ("request", name), "J004", text, hint


class Enqueuing:
    """An outbox.enqueue made ready."""

    def __init__(self, spec: OutboxEnqueue, _: Connections) -> None:
        self._spec = spec
        self._request = compile_value(spec.request.parts())
        self._dedup_key = compile_value(spec.dedup_key)
        self._group = compile_value(spec.group)

    def plan(self, scope: Scope) -> Statement:
        """The statement for one record."""
        job = scope["run"]["job"]
        dedup_key, idempotency_key = self._keys(job, scope)
        group = _text(self._group.render(scope))
        ids = (scope["run"]["id"], self._spec.id)
        params = (job, self._spec.destination, dedup_key, idempotency_key, self._rendered(scope), group, *ids)
        return Statement(str(self._spec.connection), ENQUEUE, params, "one", ENQUEUED_COLUMNS)

    def _keys(self, job: str, scope: Scope) -> tuple[Any, Any]:
        """The dedup key and the Idempotency-Key: messages that are the same to the one are so to the other.

        Raises:
            MappingError: M101, the record has no value for the dedup key.
        """
        if self._spec.dedup_key is None:
            return CallKey(), CallKey()
        key = _text(self._dedup_key.render(scope))
        if isinstance(key, Unknown):
            return key, key.through("sha256")
        if not key:
            text = "the record has no value for dedup_key, and without one it would be one message with all others like it"
            raise MappingError(
                text, code="M101", hint="give it a default, or leave dedup_key out", place=Place(field="dedup_key")
            )
        named = json.dumps([job, self._spec.destination, key])
        return key, hashlib.sha256(named.encode()).hexdigest()[:32]

    def _rendered(self, scope: Scope) -> dict[str, Any]:
        """A path stays under the destination's base, whatever a record holds."""
        parts: dict[str, Any] = to_json(self._request.render(scope))
        parts["path"] = as_string(parts["path"], lambda path: "/" + path.lstrip("/"))
        if "headers" in parts:
            parts["headers"] = {name: as_string(value) for name, value in parts["headers"].items()}
        if "body" in parts:
            parts["body"] = _text(parts["body"])
        return parts

    def result(self, answer: Any) -> Any:
        """``{id, was_queued}``; the id is null when another run queues the same at this moment."""
        return answer if isinstance(answer, dict) else {"id": None, "was_queued": False}

    def outcome(self, result: Any) -> str:
        """queued, or known when the message was there."""
        return "queued" if result["was_queued"] else "known"


def _text(value: Any) -> Any:
    """Text as it is, null as null, anything else as JSON."""
    return value if value is None or isinstance(value, (str, Unknown)) else canonical_json(value)


STEP = StepType("outbox.enqueue", OutboxEnqueue, Enqueuing, single_step)
