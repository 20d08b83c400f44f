"""From the stage into the tables: set by set, in the order of the records, inside one open transaction."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from portl.errors import DatabaseError, Place, RunError
from portl.runs._begin import Run
from portl.runs._events import log
from portl.runs._folder import RunFolder, dump
from portl.runs._results import part_name
from portl.runs._rows import Rows
from portl.runs._stage_tables import StageTables, shown
from portl.runs._staged import INSERTED, LOST, UNCHANGED, UPDATED, Keyed, Stageable, StagedWrite

AT_ONCE = 200_000
"""Records of one statement: enough for the database to work on a set, few enough for their ids to fit into memory.

``PORTL_COMMIT_AT_ONCE`` says another number.
"""
_WRITERS = 8
"""Parts of results put into the run's folder together: a bucket answers late."""
_OF_A_RECORD = ("D103", "D104", "D199")
"""Errors that one record is the reason of."""
_MARK = "id of the record"


class Range:
    """What the records from ``low`` to ``high``, that one left out, came to: a change and an id (JSON text) for each.

    A record that has none was not written. Lists, because there are many: a mapping would take three times the memory.
    """

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.changes: list[str | None] = [None] * (high - low)
        self.ids: list[str | None] = [None] * (high - low)
        self.repeated = 0

    @property
    def bounds(self) -> tuple[int, int]:
        """The two places of a statement."""
        return self.low, self.high

    def take(self, indexes: str, changes: Iterable[str], ids: Iterable[str]) -> None:
        """Takes what a statement answered for some of the records."""
        for idx, change, id_ in zip(map(int, indexes.split(",")), changes, ids, strict=True):
            self.changes[idx - self.low], self.ids[idx - self.low] = change, id_

    def change(self, indexes: Iterable[int], change: str) -> None:
        """What some of the records came to after all."""
        for idx in indexes:
            self.changes[idx - self.low] = change

    def join(self, other: Range) -> Range:
        """This range and the one behind it."""
        found = Range(self.low, other.high)
        found.changes, found.ids = self.changes + other.changes, self.ids + other.ids
        found.repeated = self.repeated + other.repeated
        return found


class Merge:
    """One step's staged records become rows."""

    def __init__(self, database: Any, stages: StageTables, at: int, step_id: str, prepared: Stageable) -> None:
        self._database, self._stages, self._at, self._step_id = database, stages, at, step_id
        self._prepared = prepared
        self._write: StagedWrite = prepared.staged()
        self._tokens = self._reader()
        self.counts: Counter[str] = Counter()
        self.repeated = 0

    def run(self, rows: Rows, folder: RunFolder, done: Callable[[int], None]) -> None:
        """Writes all records and keeps their results in parts; ``done`` is told how many are through.

        Raises:
            StepError: of the first record that the database refused.
        """
        if not rows.count:
            return  # nothing was staged, so there is no stage
        # nobody else has looked at the stage yet: without this the statements are planned for a table of a few rows
        self._database.execute(f"ANALYZE {self._stages.of(self._at)}")
        parts = max(1, int(os.environ.get("PORTL_COMMIT_AT_ONCE", AT_ONCE)) // rows.size)
        lines = self._lines()
        with ThreadPoolExecutor(_WRITERS) as pool:
            for part in range(0, rows.chunks, parts):
                low, high = part * rows.size, min((part + parts) * rows.size, rows.count)
                found = self._guarded(low, high)
                self.counts.update(change for change in found.changes if change)
                self.repeated += found.repeated
                kept = [
                    pool.submit(folder.write_dumped, part_name(self._step_id, first // rows.size), lines(found, first, last))
                    for first in range(low, high, rows.size)
                    for last in [min(first + rows.size, high)]
                ]
                for each in kept:
                    each.result()
                done(high)

    def outcomes(self) -> Counter[str]:
        """How many records came to what, as the summary says it."""
        found: Counter[str] = Counter()
        for change, count in self.counts.items():
            found[self._prepared.outcome(self._result(None, change))] += count
        return found

    def _result(self, id_: Any, change: str) -> Any:
        return self._prepared.result(self._prepared.staged_answer(id_, change))

    def _lines(self) -> Callable[[Range, int, int], list[str]]:
        """Makes the JSON lines of a part: a result is worked out once for each change, and the ids put into its text."""
        made: dict[str, tuple[str, str]] = {}
        mark = json.dumps(_MARK)

        def around(change: str) -> tuple[str, str]:
            if change not in made:
                head, _, tail = dump(self._result(_MARK, change)).decode().partition(mark)
                made[change] = head, tail
            return made[change]

        def line(change: str | None, id_: str | None) -> str:
            if change is None:
                return "null"
            head, tail = around(change)
            return f"{head}{id_}{tail}"

        def lines(found: Range, first: int, last: int) -> list[str]:
            part = slice(first - found.low, last - found.low)
            return list(map(line, found.changes[part], found.ids[part]))

        return lines

    def _reader(self) -> Callable[[str], list[str]]:
        """Makes JSON of the ids in a statement's answer: those of a query that gives them one by one."""
        if self._write.integer_ids:
            return lambda text: text.split(",")
        read: Callable[[str], Any] = str
        if "id" in self._database.table(self._write.table):
            read = self._database.reader(self._write.table, "id")

        def tokens(text: str) -> list[str]:
            return [dump(None if each is None else read(each)).decode() for each in json.loads(f"[{text}]")]

        return tokens

    def _guarded(self, low: int, high: int) -> Range:
        """Writes a range; when a record of it is refused, finds out which, by writing ever smaller ranges of it."""
        self._database.execute("SAVEPOINT portl_range")
        try:
            found = self._range(low, high)
        except DatabaseError as problem:
            if problem.code not in _OF_A_RECORD:
                raise problem.at(Place(step=self._step_id)) from problem.__cause__
            self._database.execute("ROLLBACK TO SAVEPOINT portl_range")
            if high - low > 1:
                middle = (low + high) // 2
                return self._guarded(low, middle).join(self._guarded(middle, high))
            values = self._stages.values(self._at, self._write, low)
            problem.detail["params"] = shown(f"{name}={value}" for name, value in values.items())
            raise problem.at(Place(step=self._step_id, record=low)) from problem.__cause__
        self._database.execute("RELEASE SAVEPOINT portl_range")
        return found

    def _range(self, low: int, high: int) -> Range:
        found = Range(low, high)
        if self._write.plain is not None:
            self._plain(self._write.plain, found)
        if self._write.keyed is not None:
            self._keyed(self._write.keyed, found)
        return found

    def _sql(self, statement: str) -> str:
        return self._stages.sql(statement, self._at)

    def _plain(self, statement: str, found: Range) -> None:
        indexes, ids, there = self._database.execute(self._sql(statement), found.bounds).rows[0]
        if indexes is None:
            return
        tokens = self._tokens(ids)
        if there != len(tokens):
            raise self._lost(len(tokens) - there, "Permanent")
        found.take(indexes, INSERTED * len(tokens), tokens)

    def _keyed(self, keyed: Keyed, found: Range) -> None:
        later = self._repeats(keyed, found)
        found.repeated = len(later)
        bounds = (*found.bounds, _array(later))
        indexes, ids, changes = self._database.execute(self._sql(keyed.first), bounds).rows[0]
        if indexes is None:
            return
        if LOST in changes:
            # where a known row may be left alone, another writer may just have made it: it is there when this is tried again
            raise self._lost(changes.count(LOST), "Permanent" if keyed.answers_all else "Conflict")
        found.take(indexes, changes, self._tokens(ids))
        found.change(later, UNCHANGED)
        for wave in _waves(later):
            changed = self._database.execute(self._sql(keyed.again), (_array(wave),)).rows[0][0]
            found.change(map(int, changed.split(",") if changed else ()), UPDATED)

    def _repeats(self, keyed: Keyed, found: Range) -> dict[int, int]:
        """The records that are not the first of their key in the range: index → how manieth."""
        indexes, nths = self._database.execute(self._sql(keyed.repeats), found.bounds).rows[0]
        if indexes is None:
            return {}
        return dict(zip(map(int, indexes.split(",")), map(int, nths.split(",")), strict=True))

    def _lost(self, count: int, outcome: str) -> RunError:
        text = f"the rows of {count:,} records are not found in {self._write.table} by what was written"
        hint = "where a trigger changes the key or the id, leave transaction.staging out"
        return RunError(text, code="R116", outcome=outcome, hint=hint, place=Place(step=self._step_id))


def _waves(later: dict[int, int]) -> list[list[int]]:
    """The later records of keys, set after set: no key stands in a set twice.

    Every one of them is written: one that the table refuses is refused, though a later one would have taken its place.
    """
    sets: dict[int, list[int]] = {}
    for idx, nth in later.items():
        sets.setdefault(nth, []).append(idx)
    return [sets[nth] for nth in sorted(sets)]


def _array(indexes: Any) -> str:
    return "{" + ",".join(map(str, indexes)) + "}"


class LiveStaged:
    """See Staged: the stages of one unit in the database of its transaction."""

    def __init__(self, database: Any, run: Run, unit: str, folder: RunFolder) -> None:
        self._database, self._run, self._folder = database, run, folder
        self._stages = StageTables(database, run, unit)

    def counts(self, step_ids: Sequence[str], records: int) -> dict[str, tuple[int, int]]:
        """See Staged."""
        return self._stages.counts(step_ids, records)

    def merge(self, at: int, step_id: str, prepared: Stageable, rows: Rows, done: Callable[[int], None]) -> Counter[str]:
        """See Staged."""
        merge = Merge(self._database, self._stages, at, step_id, prepared)
        merge.run(rows, self._folder, done)
        if merge.repeated:
            log("info", "keys stood more than once in a range", run=self._run.id, step_id=step_id, records=merge.repeated)
        return merge.outcomes()

    def drop(self) -> None:
        """See Staged."""
        self._stages.drop()
