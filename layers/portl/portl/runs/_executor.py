"""The one place where intents are performed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from portl.connections import Connections, Outgoing, outgoing
from portl.errors import DatabaseError, StepError
from portl.runs._begin import Run
from portl.runs._csv_files import CsvFiles, checksums_name
from portl.runs._events import log
from portl.runs._file_intents import AwaitFiles, FileIntent, ListFiles
from portl.runs._file_waits import has_looked
from portl.runs._file_work import FileWork
from portl.runs._file_writing import write_file
from portl.runs._folder import RunFolder
from portl.runs._intents import (
    Begin,
    Commit,
    Decide,
    Intent,
    Invocation,
    KeepRecords,
    Noted,
    Pages,
    PlainIntent,
    ReadRecords,
    Request,
    Statement,
    WriteFile,
    document,
    with_key,
)
from portl.runs._ledger import Ledger, switched_on
from portl.runs._merge import LiveStaged
from portl.runs._outbox import OUTBOX, prepare_outbox
from portl.runs._own_tables import LOCK
from portl.runs._pace import Pace, interval_of
from portl.runs._pages import PageReader
from portl.runs._progress import Progress
from portl.runs._rows import Rows, RowsWriter, keep_files
from portl.runs._stage_tables import StageTables, is_missing
from portl.runs._staged import Lot
from portl.runs._steptype import Prepared
from portl.runs._units import Unit, earlier_unit, new_unit
from portl.values import Unknown, redact, to_json


class LiveExecutor:
    """Performs the intents of one Task on its connections and its run's folder."""

    def __init__(self, folder: RunFolder, run: Run, connections: Connections, chunk_size: int) -> None:
        self._folder, self._run, self._connections, self._chunk_size = folder, run, connections, chunk_size
        self._paces: dict[str, Pace] = {}

    def admits(self, decision: bool | Unknown, *, step_id: str, record: int | None) -> bool:  # noqa: ARG002 - see Executor
        """See Executor."""
        return bool(decision)

    def way(self, branch: Any, *, step_id: str) -> str:  # noqa: ARG002 - see Executor
        """See Executor."""
        return str(branch)

    def pace(self, step_id: str, chunk: int | None, rate: Mapping[str, Any]) -> Pace | None:
        """See Executor."""
        return self._paces.setdefault(step_id, Pace(interval_of(rate), self._folder, step_id, chunk))

    def note(self, intent: Noted, *, step_id: str, record: int | None) -> None:
        """Adds a line to the file that ``PORTL_INTENTS`` names; nothing when it names none."""
        file = os.environ.get("PORTL_INTENTS", "")
        if file and not (isinstance(intent, AwaitFiles) and has_looked(self._folder, step_id)):
            kept = self.described(intent, step_id=step_id, record=record)
            with Path(file).open("ab") as stream:  # one write of one line: what other processes append stays whole
                stream.write(json.dumps(kept, ensure_ascii=False).encode() + b"\n")

    def described(self, intent: Noted, *, step_id: str, record: int | None) -> dict[str, Any]:
        """See Executor."""
        asks = intent.first if isinstance(intent, Pages) else intent
        request = self._outgoing(asks, step_id, record) if isinstance(asks, Request) else None
        if isinstance(intent, Statement):
            intent = self._keyed(intent, step_id, record)
        if isinstance(intent, FileIntent):
            intent = self._files(step_id).expanded(intent)
        found: dict[str, Any] = redact(to_json(document(intent, step=step_id, record=record, outgoing=request)))
        return found

    def apart(self, connection: str) -> AbstractContextManager[None]:
        """See Executor."""
        found: AbstractContextManager[None] = self._connections.get(connection).savepoint()
        return found

    @contextmanager
    def transaction(self, begin: Begin, seconds: float) -> Iterator[Unit]:
        """See Executor. Two runs over the same tables queue; without the locks' order they could wait for each other.

        The unit's ledger row is its first statement; what it makes is kept under a name of its own, and the row leads there.
        """
        database = self._connections.get(begin.connection)
        ledger = Ledger(database, self._run, begin.unit, begin.chunk) if begin.work and switched_on() else None
        if ledger:
            ledger.prepare()
        if OUTBOX in begin.locks:
            prepare_outbox(database)
        self.note(begin, step_id=begin.unit, record=None)
        with database.transaction():
            database.limit(statement_s=seconds, idle_s=seconds if begin.calls else None)
            for table in begin.locks:
                database.execute(LOCK, (f"portl:{table}",))
            earlier = ledger.claim(str(begin.work), begin.again) if ledger else None
            unit = earlier_unit(self._folder, earlier) if earlier else new_unit(self._folder)
            if not earlier:
                self._folder = unit.folder
                unit.before = ledger.records(*begin.records, str(begin.work), begin.again) if ledger and begin.records else {}
            yield unit
            if ledger and not earlier:
                ledger.keep(unit.keep())
            self.note(Commit(begin.connection, begin.unit), step_id=begin.unit, record=None)

    def knows(self, begin: Begin) -> bool:
        """See Executor. Whether it was the same work is told by the unit's transaction, that has all the records."""
        database = self._connections.get(begin.connection)
        return switched_on() and Ledger(database, self._run, begin.unit, begin.chunk).earlier() is not None

    def stage(self, connection: str, lot: Lot) -> None:
        """See Executor. A stage that another run of the same key has just dropped is made again."""
        stages = StageTables(self._connections.get(connection), self._run, lot.unit)
        try:
            stages.put(lot)
        except StepError as problem:
            if not is_missing(problem):
                raise
            stages.put(lot)

    def staged(self, begin: Begin) -> LiveStaged:
        """See Executor."""
        return LiveStaged(self._connections.get(begin.connection), self._run, begin.unit, self._folder)

    def do(self, prepared: Prepared, intent: Intent, *, step_id: str, record: int | None) -> Any:
        """Performs one intent and answers the result.

        Raises:
            StepError: the database, the API, the function or the file refused.
        """
        if isinstance(intent, FileIntent | WriteFile):
            return to_json(prepared.result(self._on_files(intent, step_id)))
        return to_json(prepared.result(self._answer(intent, step_id, record)))

    def _answer(self, intent: PlainIntent, step_id: str, record: int | None) -> Any:
        match intent:
            case Statement():
                return self._statement(self._keyed(intent, step_id, record), step_id)
            case Request() | Pages():
                return self._request(intent, step_id, record) if isinstance(intent, Request) else self._pages(intent, step_id)
            case Invocation():
                connection = self._connections.get(intent.connection)
                return connection.invoke(intent.payload, invocation="event" if intent.event else "request")
            case ReadRecords():
                return self._read(intent, step_id)
            case KeepRecords():
                return self._keep(list(intent.records), step_id)
            case Decide():
                return intent.branch

    def _on_files(self, intent: FileIntent | WriteFile, step_id: str) -> Any:
        if isinstance(intent, WriteFile):
            return write_file(intent, self._connections, Progress([step_id], None, None))
        work = self._files(step_id)
        return self._keep(work.listed(intent), step_id) if isinstance(intent, ListFiles) else work.answer(intent)

    def _files(self, step_id: str) -> FileWork:
        return FileWork(self._connections, self._folder, self._run, step_id)

    def _keyed(self, intent: Statement, step_id: str, record: int | None) -> Statement:
        return with_key(intent, lambda: self._run.idempotency_key(step_id, record))

    def _statement(self, intent: Statement, step_id: str) -> Any:
        database = self._connections.get(intent.connection)
        answer = database.execute(intent.sql, intent.params, columns=intent.columns)
        if intent.answer == "count":
            return answer.row_count
        records = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        if intent.answer == "many":
            return self._keep(records, step_id)
        if len(records) > 1:
            text = f"the query gave {len(records)} rows, and one at most is wanted"
            detail = {"sql": intent.sql, "params": [str(value) for value in intent.params]}
            raise DatabaseError(text, code="D110", hint="narrow it, or add LIMIT 1 with an ORDER BY", detail=detail)
        return records[0] if records else None

    def _outgoing(self, intent: Request, step_id: str, record: int | None) -> Outgoing:
        return outgoing_of(intent, self._connections, self._run.idempotency_key(step_id, record))

    def _request(self, intent: Request, step_id: str, record: int | None) -> Any:
        request = self._outgoing(intent, step_id, record)
        connection = self._connections.get(intent.connection)
        return connection.send(request, timeout_s=intent.timeout_s, expect=intent.expect)

    def _pages(self, intent: Pages, step_id: str) -> tuple[Rows, int]:
        reader = PageReader(intent, self._connections, self._folder, self._run, step_id, self._paces.get(step_id))
        count = reader.read()
        return self._keep(reader.records(), step_id), count

    def _read(self, intent: ReadRecords, step_id: str) -> tuple[Rows, tuple[str, ...]]:
        files = CsvFiles(intent, self._connections)
        progress = Progress([step_id], None, None)
        rows = keep_files(self._folder, self._rows_of(step_id), self._chunk_size, files, progress.at)
        progress.end(rows.count)
        for notice in files.notices:
            log("warning", notice, run=self._run.id, step_id=step_id)
        self._folder.write(checksums_name(step_id), files.checksums)
        return rows, files.columns

    def _keep(self, records: Iterable[Any], step_id: str) -> Rows:
        writer = RowsWriter(self._folder, self._rows_of(step_id), self._chunk_size)
        for record in records:
            writer.add(record)
        return writer.close()

    def _rows_of(self, step_id: str) -> str:
        return self._folder.ref(f"results/{step_id}.rows")


def outgoing_of(intent: Request, connections: Connections, key: str | Unknown) -> Outgoing:
    """The request in full: under its connection's base, with its headers and an idempotency key."""
    return outgoing(
        connections.spec(intent.connection),
        intent.method,
        intent.url,
        headers={"Idempotency-Key": key, **intent.headers},
        query=intent.query,
        json=intent.json,
        body=intent.body,
        form=intent.form,
    )
