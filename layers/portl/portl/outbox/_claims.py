"""Taking messages and marking them: every drainer holds a lease, and only a lease that still runs can mark.

``SKIP LOCKED`` lets any number of drainers take at once without waiting for each other or taking the same.
https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from portl.outbox._delivery import Answer, Message
from portl.runs import OUTBOX, is_there

_FIRST = f"""NOT EXISTS (SELECT FROM {OUTBOX} AS earlier WHERE earlier.job = mine.job AND earlier.group_key = mine.group_key
    AND earlier.id < mine.id AND earlier.state <> 'delivered')"""
"""Whether a message is the head of its group: behind one that waits or is dead it does not go."""
_FREE = "(leased_until IS NULL OR leased_until <= now())"
_CLAIM = f"""UPDATE {OUTBOX} SET lease = $1, leased_until = now() + make_interval(secs => $2::float8), claims = claims + 1
WHERE id = ANY (ARRAY(
  SELECT id FROM {OUTBOX} AS mine
  WHERE job = $3 AND $4::jsonb ? destination AND state = 'waiting' AND due_at <= now() AND {_FREE} AND {_FIRST}
  ORDER BY due_at, id LIMIT $5::int FOR UPDATE SKIP LOCKED))
RETURNING id, destination, idempotency_key, request::text, failures"""  # noqa: S608 - our own table, here and below
"""ARRAY makes the choice once; under a plain IN a plan may choose again for each row, and lock more than the limit."""
_ANSWERED = "answer_status = $3::int, answer = $4, answered_at = now(), lease = NULL, leased_until = NULL"
_HELD = "WHERE id = $1::bigint AND lease = $2 AND leased_until > now()"
_DELIVERED = f"UPDATE {OUTBOX} SET state = 'delivered', {_ANSWERED} {_HELD}"  # noqa: S608
_FAILED = f"""UPDATE {OUTBOX} SET state = $5, failures = failures + 1, due_at = now() + make_interval(secs => $6::float8),
{_ANSWERED} {_HELD}"""  # noqa: S608
_RELEASE = f"""UPDATE {OUTBOX} SET lease = NULL, leased_until = NULL
WHERE lease = $1 AND $2::jsonb @> to_jsonb(id)"""  # noqa: S608
_NEXT = f"""SELECT EXTRACT(epoch FROM min(greatest(due_at, leased_until)) - now())::float8 FROM {OUTBOX} AS mine
WHERE job = $1 AND $2::jsonb ? destination AND state = 'waiting' AND {_FIRST}"""  # noqa: S608
_DESTINATIONS = f"SELECT DISTINCT destination FROM {OUTBOX} WHERE job = $1 AND state = 'waiting' ORDER BY 1"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that were taken, by id, under one lease. ``ends`` is when it runs out, on the monotonic clock."""

    lease: str
    ends: float
    messages: tuple[Message, ...]


class Claims:
    """The messages of one job in one database, as a drainer sees them."""

    def __init__(self, database: Any, job: str) -> None:
        self._database, self._job = database, job

    def destinations(self) -> list[str]:
        """Where waiting messages go to; nowhere when no message was ever queued."""
        if not is_there(self._database, OUTBOX):
            return []
        return [row[0] for row in self._database.execute(_DESTINATIONS, (self._job,)).rows]

    def claim(self, destinations: Iterable[str], limit: int, lease_s: float) -> Batch:
        """Takes messages that are due, for so many seconds."""
        lease, ends = secrets.token_hex(8), time.monotonic() + lease_s
        given = (lease, lease_s, self._job, json.dumps(sorted(destinations)), limit)
        rows = self._database.execute(_CLAIM, given).rows
        messages = (Message(at, where, key, json.loads(request), failures) for at, where, key, request, failures in rows)
        return Batch(lease, ends, tuple(sorted(messages, key=lambda message: message.id)))

    def delivered(self, message: Message, lease: str, answer: Answer) -> bool:
        """Marks a message; false when the lease ran out, and nothing is changed."""
        return self._mark(_DELIVERED, (message.id, lease, answer.status, answer.text))

    def failed(self, message: Message, lease: str, answer: Answer, pause_s: float | None) -> bool:
        """Counts a failure: the message waits so many seconds, or is dead when that is None. False as ``delivered``."""
        state = "dead" if pause_s is None else "waiting"
        return self._mark(_FAILED, (message.id, lease, answer.status, answer.text, state, pause_s or 0.0))

    def release(self, messages: Iterable[Message], lease: str) -> None:
        """Gives back messages that were not sent."""
        ids = [message.id for message in messages]
        if ids:
            self._database.execute(_RELEASE, (lease, json.dumps(ids)))

    def next_due(self, destinations: Iterable[str]) -> float | None:
        """Seconds until a message may be sent, whoever holds it now; None when none ever may."""
        seconds: float | None = self._database.execute(_NEXT, (self._job, json.dumps(sorted(destinations)))).rows[0][0]
        return seconds

    def _mark(self, sql: str, params: tuple[Any, ...]) -> bool:
        return bool(self._database.execute(sql, params).row_count == 1)
