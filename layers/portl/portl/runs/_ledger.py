"""The ledger: a row for every unit of database work, written in the unit's own transaction.

It names the work (job, run key, unit, chunk), a hash of what it was done on, and where the answer is kept. A unit that finds
its row answers as it did the first time instead of doing the work again.
"""

from __future__ import annotations

import os
from typing import Any

from portl.errors import RunError
from portl.runs._begin import Run
from portl.runs._intents import Again
from portl.runs._own_tables import is_there, make_where_missing

TABLE = "portl_ledger"
CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
  job text NOT NULL, run_key text NOT NULL, unit text NOT NULL, chunk int NOT NULL,
  work text NOT NULL, answer text, run text NOT NULL, written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job, run_key, unit, chunk))"""
"""The ledger lives in the database it speaks of: only there it commits with the work."""
_CLAIM = f"""INSERT INTO {TABLE} (job, run_key, unit, chunk, work, run) VALUES ($1, $2, $3, $4::int, $5, $6)
ON CONFLICT DO NOTHING RETURNING run"""  # noqa: S608 - our own table
_EARLIER = f"SELECT work, answer, run FROM {TABLE} WHERE job = $1 AND run_key = $2 AND unit = $3 AND chunk = $4::int"  # noqa: S608
_RECORDS = f"""SELECT chunk, answer, work FROM {TABLE}
WHERE job = $1 AND run_key = $2 AND unit = $3 AND chunk BETWEEN $4::int AND $5::int AND answer IS NOT NULL"""  # noqa: S608
_KEEP = f"UPDATE {TABLE} SET answer = $5 WHERE job = $1 AND run_key = $2 AND unit = $3 AND chunk = $4::int"  # noqa: S608
_AGAIN = f"""UPDATE {TABLE} SET work = $5, run = $6, answer = NULL, written_at = now()
WHERE job = $1 AND run_key = $2 AND unit = $3 AND chunk = $4::int"""  # noqa: S608
NO_CHUNK = -1
OF_A_RECORD = "#"
"""Behind the name of a unit that is one record of a unit, done by a replay; in the chunk's place is the record's index."""


class Ledger:
    """The rows of one run's units on one database connection."""

    def __init__(self, database: Any, run: Run, unit: str, chunk: int | None) -> None:
        self._database, self._run, self._unit = database, run, unit
        self._key = (run.job, run.key, unit, NO_CHUNK if chunk is None else chunk)

    def prepare(self) -> None:
        """Makes the table where it is missing, outside the unit's transaction.

        Raises:
            DatabaseError: D112, it is missing and may not be made.
        """
        make_where_missing(self._database, TABLE, (CREATE,))

    def earlier(self) -> tuple[str, str, str] | None:
        """The unit's row as it stands, when there is one: its work, where its answer is kept, and the run that did it."""
        if not is_there(self._database, TABLE):
            return None
        rows = self._database.execute(_EARLIER, self._key).rows
        return (str(rows[0][0]), str(rows[0][1]), str(rows[0][2])) if rows else None

    def claim(self, work: str, again: Again | None = None) -> str | None:
        """Takes the unit's row; where its answer is kept, when it was done before. Waits for whoever is just doing it.

        Raises:
            RunError: R121, it was done on other records or with other steps, and may not be done ``again``.
        """
        if self._database.execute(_CLAIM, (*self._key, work, self._run.id)).rows:
            return None
        kept, answer, run = self._database.execute(_EARLIER, self._key).rows[0]
        differs = kept != work or (again is not None and again.changed and run != self._run.id)
        if not differs:
            return str(answer)
        if again is None or not again.repeatable:
            raise self.other_work(run, again)
        self._database.execute(_AGAIN, (*self._key, work, self._run.id))
        return None

    def other_work(self, run: str, again: Again | None = None) -> RunError:
        """R121: the key stands for something else."""
        if again is not None:
            text = f'{run} has committed "{self._unit}" on other records, steps or results: done again, it could write twice'
            hint = "keep what it wrote with --from and a step behind it, or do all of it anew: without --resume, with --new-key"
            return RunError(text, code="R121", hint=hint)
        what = f'the records or steps of "{self._unit}" differ'
        text = f"the run key {self._run.key!r} was used by {run} for other work: {what}"
        return RunError(text, code="R121", hint="run it as new work with --new-key, or give the job another run_key")

    def records(self, first: int, last: int, work: str, again: Again | None) -> dict[int, str]:
        """The records of the unit, by index, that replays have done by themselves, and where their answers are kept.

        Those done with other steps than ``work`` says are left out where they may be done again.
        """
        key = (self._key[0], self._key[1], f"{self._unit}{OF_A_RECORD}", first, last)
        found = self._database.execute(_RECORDS, key).rows
        anew = again is not None and again.repeatable
        return {int(idx): str(at) for idx, at, kept in found if not anew or _steps(kept) == _steps(work)}

    def keep(self, at: str) -> None:
        """Puts into the row where the answer is."""
        self._database.execute(_KEEP, (*self._key, at))


def _steps(work: str) -> str:
    return str(work).partition(":")[0]


def switched_on() -> bool:
    """Whether units are remembered. ``PORTL_LEDGER=off`` is for tests that show what happens without."""
    return os.environ.get("PORTL_LEDGER", "on") != "off"
