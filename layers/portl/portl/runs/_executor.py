"""The one place where intents are performed."""

from __future__ import annotations

from typing import Any

from portl.errors import CsvError, DatabaseError, Place
from portl.runs._intents import Decide, Intent, Invocation, KeepRecords, ReadRecords, Request, Statement
from portl.runs._rows import Rows, RowsWriter
from portl.runs._task import Task
from portl.stores import CsvDialect, open_input, read_csv
from portl.values import TYPES


class Executor:
    """Performs the intents of one Task on its connections and its run's folder."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def do(self, intent: Intent, *, step_id: str, record: int | None) -> Any:
        """Performs one intent and answers what came back.

        Raises:
            StepError: the database, the API, the function or the file refused.
        """
        match intent:
            case Statement():
                return self._statement(intent, step_id)
            case Request():
                return self._request(intent, step_id, record)
            case Invocation():
                connection = self._task.connections.get(intent.connection)
                return connection.invoke(intent.payload, invocation="event" if intent.event else "request")
            case ReadRecords():
                return self._read(intent, step_id)
            case KeepRecords():
                return self._keep(intent.records, step_id)
            case Decide():
                return intent.branch

    def _statement(self, intent: Statement, step_id: str) -> Any:
        database = self._task.connections.get(intent.connection)
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

    def _request(self, intent: Request, step_id: str, record: int | None) -> Any:
        headers = {"Idempotency-Key": self._task.run.idempotency_key(step_id, record), **intent.headers}
        return self._task.connections.get(intent.connection).request(
            intent.method,
            intent.url,
            headers=headers,
            query=intent.query,
            json=intent.json,
            body=intent.body,
            form=intent.form,
            timeout_s=intent.timeout_s,
            expect=intent.expect,
        )

    def _read(self, intent: ReadRecords, step_id: str) -> tuple[Rows, tuple[str, ...]]:
        options = dict(intent.options)
        dialect = CsvDialect(**options.pop("dialect", {}))
        types = options.pop("types", {})
        with open_input(intent.path) as stream:
            reader = read_csv(stream, name=intent.path, dialect=dialect, **options)
            writer = self._writer(step_id, intent.path)
            columns = reader.columns
            for line, values in reader:
                record: dict[str, Any] = dict(zip(columns, values, strict=True))
                for name, kind in types.items():
                    record[name] = _typed(record, name, kind, Place(file=intent.path, line=line, column=name))
                writer.add(record, line)
        return writer.close(), columns

    def _keep(self, records: list[Any], step_id: str) -> Rows:
        writer = self._writer(step_id)
        for record in records:
            writer.add(record)
        return writer.close()

    def _writer(self, step_id: str, file: str = "") -> RowsWriter:
        return RowsWriter(self._task.folder, f"results/{step_id}.rows", self._task.chunk_size, file)


def _typed(record: dict[str, Any], name: str, kind: str, place: Place) -> Any:
    """A column's value as its type; an empty one that is no text is null.

    Raises:
        CsvError: C115, it does not fit; C107, there is no such column.
    """
    if name not in record:
        text = f"types names the column {name}, and the header has {', '.join(record)}"
        raise CsvError(text, code="C107", hint="correct types", place=place)
    value = record[name]
    if value == "" and kind != "text":
        return None
    try:
        return TYPES[kind](value)
    except (ValueError, TypeError, ArithmeticError) as problem:
        text = f"{name} cannot be {kind}: {value[:80]!r}"
        raise CsvError(text, code="C115", hint="correct the file, or leave the column as text", place=place) from problem
