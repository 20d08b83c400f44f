"""The tables that records wait in until their transaction: one for each run, unit and step, and one that tells what is there.

They are UNLOGGED: what they hold is made again by running again, and a server that crashed has emptied them all, which the
table that tells (``portl_stage_<id>``, a row a chunk and step) then shows. A comment on each says whose it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from portl.connections import quote_identifier
from portl.errors import DatabaseError, Place, RunError, StepError
from portl.runs._begin import Run
from portl.runs._events import log
from portl.runs._own_tables import LOCK, is_there
from portl.runs._staged import INDEX, STAGE, Lot, Share, StagedWrite
from portl.values import shortened

PREFIX = "portl_stage_"
KEPT_S = 2 * 86_400
"""The age of a stage that no run can still be filling: a machine ends after a day. Whoever makes a stage then drops it."""
_MINE = """SELECT c.oid::regclass::text, obj_description(c.oid, 'pg_class'), extract(epoch FROM now())::bigint FROM pg_class c
WHERE c.relkind = 'r' AND c.relname LIKE 'portl\\_stage\\_%' AND pg_has_role(c.relowner, 'USAGE') ORDER BY c.relname"""
_COMMENT = """SELECT quote_literal(json_build_object('job', $1::text, 'run_key', $2::text, 'unit', $3::text, 'run', $4::text,
'made_at', extract(epoch FROM now())::bigint)::text)"""
_MADE = "SELECT 1 FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid)"
_MISSING = "42P01"
_SHOWN = 200


class StageTables:
    """The stages of one unit of one run."""

    def __init__(self, database: Any, run: Run, unit: str) -> None:
        self._database, self._run, self._unit = database, run, unit
        digest = hashlib.sha256(json.dumps([run.id, unit]).encode()).hexdigest()[:16]
        self.chunks = f"{PREFIX}{digest}"

    def of(self, at: int) -> str:
        """The name of the stage of the unit's step number ``at``."""
        return f"{self.chunks}_{at + 1}"

    def put(self, lot: Lot) -> None:
        """Puts a chunk's share into the stages, in one transaction, in place of what an earlier attempt of it has put.

        Raises:
            DatabaseError: a value does not fit its column (its record is the place's), or D112: a stage cannot be made.
        """
        self._make([share.write for share in lot.shares])
        with self._database.transaction():
            # an attempt that is thought dead may still be at it: it ends first, and is replaced
            self._database.execute(LOCK, (f"{self.chunks}:{lot.chunk}",))
            # before the other stages: they are dropped in this order, too
            self._database.execute(f"DELETE FROM {self.chunks} WHERE chunk = $1::int", (lot.chunk,))  # noqa: S608 - our own name
            for at, share in enumerate(lot.shares):
                self._put(self.of(at), share, lot)

    def _put(self, stage: str, share: Share, lot: Lot) -> None:
        bounds = (lot.first, lot.first + lot.count)
        self._database.execute(f"DELETE FROM {stage} WHERE {INDEX} >= $1::int AND {INDEX} < $2::int", bounds)  # noqa: S608
        names = ", ".join(quote_identifier(name) for name in (INDEX, *share.write.columns))
        if share.rows:
            try:
                self._database.copy(f"COPY {stage} ({names}) FROM STDIN", [(idx, *values) for idx, values in share.rows])
            except DatabaseError as problem:
                raise _placed(problem, share) from problem.__cause__
        counts = (lot.chunk, share.step_id, len(share.rows), share.left_out, share.skipped)
        self._database.execute(f"INSERT INTO {self.chunks} VALUES ($1::int, $2, $3::int, $4::int, $5::int)", counts)  # noqa: S608

    def _make(self, writes: Sequence[StagedWrite]) -> None:
        if is_there(self._database, self.chunks):
            return
        try:
            with self._database.transaction():
                self._database.execute(LOCK, (self.chunks,))
                # not to_regclass: it may answer by what it knew before the lock was waited for
                if self._database.execute(_MADE, (self.chunks,)).rows:
                    return
                for statement in self._statements(writes):
                    self._database.execute(statement)
        except DatabaseError as problem:
            text = f"the tables of transaction.staging cannot be made: {problem.message}"
            hint = "grant CREATE on the schema to the connection's user, or leave staging out"
            raise DatabaseError(text, code="D112", outcome=problem.outcome, hint=hint, detail=problem.detail) from problem
        self._sweep()

    def _statements(self, writes: Sequence[StagedWrite]) -> Iterator[str]:
        about = (self._run.job, self._run.key, self._unit, self._run.id)
        comment = self._database.execute(_COMMENT, about).rows[0][0]
        for at, write in enumerate(writes):
            stage, table = self.of(at), quote_identifier(write.table)
            names = ", ".join(f"t.{quote_identifier(name)}" for name in write.columns)
            columns = f"SELECT NULL::int AS {INDEX}, {names} FROM {table} t"  # noqa: S608 - quoted
            yield f"CREATE UNLOGGED TABLE {stage} AS {columns} WITH NO DATA"
            yield f"ALTER TABLE {stage} ADD PRIMARY KEY ({INDEX})"
            yield f"COMMENT ON TABLE {stage} IS {comment}"
        yield f"""CREATE UNLOGGED TABLE {self.chunks} (
            chunk int, step text, staged int, left_out int, skipped int, PRIMARY KEY (chunk, step))"""
        yield f"COMMENT ON TABLE {self.chunks} IS {comment}"

    def _sweep(self) -> None:
        """Drops the stages that killed runs have left behind, as far as nobody is in the way."""
        for name, about, now in self._known():
            if now - about["made_at"] > KEPT_S:
                try:
                    with self._database.transaction():
                        self._database.execute("SET LOCAL lock_timeout = '2s'")
                        self._database.execute(f"DROP TABLE IF EXISTS {name}")
                except DatabaseError as problem:
                    text = f"the stage {name} of {about.get('run')} stays: {problem.message}"
                    log("warning", text, run=self._run.id, step_id=self._unit)

    def _known(self) -> Iterator[tuple[str, dict[str, Any], int]]:
        """Every stage that this user may drop: its name, whose it is, and the time."""
        for name, comment, now in self._database.execute(_MINE).rows:
            try:
                about = json.loads(comment or "")
                yield name, {"made_at": int(about["made_at"]), **about}, now
            except (ValueError, KeyError, TypeError):
                continue

    def drop(self) -> None:
        """Drops the unit's stages, with those that other runs of its key have: they will be answered by the ledger.

        Inside the transaction that has the unit's row, so that the stages are there as long as they are needed.
        """
        wanted = {"job": self._run.job, "run_key": self._run.key, "unit": self._unit}
        for name, about, _ in self._known():
            if wanted.items() <= about.items():
                self._database.execute(f"DROP TABLE IF EXISTS {name}")

    def counts(self, step_ids: Sequence[str], records: int) -> dict[str, tuple[int, int]]:
        """By step how many records were left out and how many skipped.

        Raises:
            RunError: R115, not every record is there: the server has crashed since, or somebody has dropped the stage.
        """
        found: dict[str, list[Any]] = {}
        if is_there(self._database, self.chunks):
            sums = "sum(staged)::int, sum(left_out)::int, sum(skipped)::int"
            rows = self._database.execute(f"SELECT step, {sums} FROM {self.chunks} GROUP BY step").rows  # noqa: S608
            found = {row[0]: row[1:] for row in rows}
        for at, step_id in enumerate(step_ids):
            staged, left_out, skipped = found.get(step_id, [0, 0, 0])
            there = self._database.execute(f"SELECT count(*) FROM {self.of(at)}").rows[0][0] if staged else 0  # noqa: S608
            if there != staged or staged + left_out + skipped != records:
                text = f"of {records:,} records {there + left_out + skipped:,} are in the stage of {step_id}"
                hint = "a server that crashed has emptied it; nothing was written: run the job again"
                raise RunError(text, code="R115", hint=hint, place=Place(step=step_id))
        return {step_id: tuple(found[step_id][1:]) if step_id in found else (0, 0) for step_id in step_ids}

    def values(self, at: int, write: StagedWrite, idx: int) -> dict[str, Any]:
        """What is staged for one record, for the error that names it."""
        names = ", ".join(f"{quote_identifier(name)}::text" for name in write.columns)
        rows = self._database.execute(f"SELECT {names} FROM {self.of(at)} WHERE {INDEX} = $1::int", (idx,)).rows  # noqa: S608
        return dict(zip(write.columns, rows[0], strict=True)) if rows else {}

    def sql(self, statement: str, at: int) -> str:
        """A statement of the unit's step number ``at`` with the name of its stage."""
        return statement.replace(STAGE, quote_identifier(self.of(at)))


def is_missing(problem: StepError) -> bool:
    """Whether a statement failed because a table is not there."""
    return problem.detail.get("sqlstate") == _MISSING


def _placed(problem: DatabaseError, share: Share) -> StepError:
    """The error of a COPY at the record whose line it names, with that record's values."""
    line = problem.detail.pop("copy_line", None)
    if line is None or not 0 < line <= len(share.rows):
        return problem.at(Place(step=share.step_id))
    idx, values = share.rows[line - 1]
    problem.detail["params"] = shown(values)
    return problem.at(Place(step=share.step_id, record=idx))


def shown(values: Iterable[Any]) -> list[str]:
    """Values as an error shows them."""
    return [shortened(str(value), _SHOWN) for value in values]
