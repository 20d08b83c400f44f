"""What people do with an outbox: look at it, send a message again, throw one away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from portl.errors import RunError
from portl.runs import OUTBOX, is_there
from portl.values import redact

State = Literal["waiting", "leased", "delivered", "dead"]
STATES: tuple[State, ...] = ("waiting", "leased", "delivered", "dead")

_STATE = "CASE WHEN state = 'waiting' AND leased_until > now() THEN 'leased' ELSE state END"
_FIELDS = (
    "id", "state", "destination", "request", "dedup_key", "idempotency_key", "group", "run", "step", "claims", "failures",
    "queued_at", "due_at", "leased_until", "answer_status", "answer", "answered_at",
)  # fmt: skip
_LIST = f"""SELECT id, {_STATE}, destination, request::text, dedup_key, idempotency_key, group_key, run, step, claims, failures,
queued_at, due_at, CASE WHEN leased_until > now() THEN leased_until END, answer_status, answer, answered_at
FROM {OUTBOX} WHERE job = $1 AND ($2::text IS NULL OR {_STATE} = $2) ORDER BY id LIMIT $3::int"""  # noqa: S608 - our own table
_COUNTS = f"SELECT {_STATE}, count(*) FROM {OUTBOX} WHERE job = $1 GROUP BY 1"  # noqa: S608
_ONE = f"SELECT {_STATE} FROM {OUTBOX} WHERE job = $1 AND id = $2::bigint"  # noqa: S608
_AGAIN = f"UPDATE {OUTBOX} SET state = 'waiting', failures = 0, due_at = now(), lease = NULL, leased_until = NULL"  # noqa: S608
_RETRY = f"{_AGAIN} WHERE job = $1 AND id = $2::bigint AND {_STATE} IN ('waiting', 'dead')"
_RETRY_DEAD = f"{_AGAIN} WHERE job = $1 AND state = 'dead'"
_DISCARD = f"DELETE FROM {OUTBOX} WHERE job = $1 AND id = $2::bigint AND {_STATE} IN ('waiting', 'dead')"  # noqa: S608


class Messages:
    """The messages of one job in one database, as people see them."""

    def __init__(self, database: Any, job: str) -> None:
        self._database, self._job = database, job

    def listed(self, state: State | None, most: int) -> Iterator[dict[str, Any]]:
        """The oldest messages first: ``{id, state, destination, request, …}``, times as text in ISO 8601."""
        for row in self._rows(_LIST, state, most):
            message = dict(zip(_FIELDS, row, strict=True))
            message["request"] = json.loads(message["request"])
            yield redact({name: _plain(value) for name, value in message.items()})

    def counts(self) -> dict[str, int]:
        """How many messages there are, by state."""
        return {state: int(count) for state, count in self._rows(_COUNTS)}

    def retry(self, message_id: int) -> None:
        """Makes a dead or waiting message due now, its failures forgotten.

        Raises:
            RunError: R131, there is none, or it is delivered or being sent.
        """
        self._change(_RETRY, message_id, "sent again")

    def retry_dead(self) -> int:
        """Makes every dead message due now; how many there were."""
        return int(self._database.execute(_RETRY_DEAD, (self._job,)).row_count) if self._there() else 0

    def discard(self, message_id: int) -> None:
        """Removes a dead or waiting message; its group goes on behind it. Raises as ``retry``."""
        self._change(_DISCARD, message_id, "discarded")

    def _change(self, sql: str, message_id: int, what: str) -> None:
        if self._there() and self._database.execute(sql, (self._job, message_id)).row_count:
            return
        state = next((row[0] for row in self._rows(_ONE, message_id)), None)
        hint = "`portl outbox list` shows what there is"
        if state is None:
            raise RunError(f"the outbox of {self._job} has no message {message_id}", code="R131", hint=hint)
        told = "it is being sent" if state == "leased" else f"it is {state}"
        raise RunError(f"message {message_id} cannot be {what}: {told}", code="R131", hint=hint)

    def _rows(self, sql: str, *params: Any) -> list[list[Any]]:
        found: list[list[Any]] = self._database.execute(sql, (self._job, *params)).rows if self._there() else []
        return found

    def _there(self) -> bool:
        return is_there(self._database, OUTBOX)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
