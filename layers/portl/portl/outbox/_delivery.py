"""Sending one message: the request of its row, with the headers of its destination, which stand in no row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from portl.connections import Connections, outgoing
from portl.errors import HttpError, TemplateError
from portl.values import canonical_json, redact

SHOWN = 500
"""How much of an answer is kept, in characters."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken. ``failures`` are the deliveries that failed before."""

    id: int
    destination: str
    idempotency_key: str
    request: dict[str, Any]
    failures: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a delivery. ``text`` is the body, or why there is none: masked and cut. ``retry_after`` is in seconds."""

    delivered: bool
    status: int | None
    text: str
    retry_after: float | None = None


def deliver(connections: Connections, message: Message, timeout_s: float) -> Answer:
    """Sends a message. Any 2xx is a delivery, also one whose body cannot be read: the other side has it.

    Raises:
        SetupError: the destination's variables or secrets cannot be resolved.
    """
    asked = message.request
    parts = {name: asked.get(name) for name in ("query", "json", "body", "form")}
    headers = {"Idempotency-Key": message.idempotency_key, **asked.get("headers", {})}
    request = outgoing(connections.spec(message.destination), asked["method"], asked["path"], headers=headers, **parts)
    try:
        answer = connections.get(message.destination).send(request, timeout_s=timeout_s)
    except HttpError as problem:
        detail = problem.detail
        text = str(detail.get("body", problem.message))
        return Answer(problem.code == "H104", detail.get("status"), _kept(text), problem.retry_after)
    body = answer.text if answer.text is not None else _json(answer.json)
    return Answer(delivered=True, status=answer.status, text=_kept(body))


def _json(body: Any) -> str:
    """An answer as text. What cannot be shown as it is must not keep its message from being marked."""
    try:
        return canonical_json(body)
    except TemplateError:
        return json.dumps(body)


def _kept(text: str) -> str:
    masked: str = redact(text)
    return masked.replace("\0", "")[:SHOWN]
