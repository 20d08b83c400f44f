"""The outbox: a row for every request that is to be sent once the transaction that wrote it has committed.

A row is ``waiting``, then ``delivered`` or ``dead``. While a drainer holds it, ``lease`` is the drainer's token and
``leased_until`` its end; a lease that ran out is none. ``portl.outbox`` delivers.
"""

from __future__ import annotations

from typing import Any

from portl.runs._own_tables import make_where_missing

OUTBOX = "portl_outbox"
"""It lives in the database of the transaction: only there it commits with the work."""
CREATE = (
    f"""CREATE TABLE IF NOT EXISTS {OUTBOX} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job text NOT NULL, destination text NOT NULL, dedup_key text NOT NULL, idempotency_key text NOT NULL,
  request json NOT NULL, group_key text, run text NOT NULL, step text NOT NULL, queued_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
  due_at timestamptz NOT NULL DEFAULT now(), lease text, leased_until timestamptz,
  claims int NOT NULL DEFAULT 0, failures int NOT NULL DEFAULT 0,
  answer_status int, answer text, answered_at timestamptz,
  UNIQUE (job, destination, dedup_key))""",
    f"CREATE INDEX IF NOT EXISTS {OUTBOX}_due ON {OUTBOX} (job, due_at, id) WHERE state = 'waiting'",
    f"""CREATE INDEX IF NOT EXISTS {OUTBOX}_group ON {OUTBOX} (job, group_key, id)
WHERE state <> 'delivered' AND group_key IS NOT NULL""",
)
ENQUEUED_COLUMNS = ("job", "destination", "dedup_key", "idempotency_key", "request", "group_key", "run", "step")
ENQUEUE = f"""WITH queued AS (
  INSERT INTO {OUTBOX} ({", ".join(ENQUEUED_COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (job, destination, dedup_key) DO NOTHING RETURNING id)
SELECT id, true AS was_queued FROM queued
UNION ALL
SELECT id, false FROM {OUTBOX} WHERE job = $1 AND destination = $2 AND dedup_key = $3 AND NOT EXISTS (SELECT FROM queued)
"""  # noqa: S608 - our own table
"""Answers ``{id, was_queued}``; ``was_queued`` is false where a message of the same dedup key is there."""


def prepare_outbox(database: Any) -> None:
    """Makes the table where it is missing; raises D112 as ``make_where_missing``."""
    make_where_missing(database, OUTBOX, CREATE)
