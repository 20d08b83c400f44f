"""``db.insert``: a record becomes a new row."""

from __future__ import annotations

from typing import Any, ClassVar

from portl.connections import Connections, quote_identifier
from portl.jobs import ResultShape
from portl.runs import Decide, Scope, StagedWrite, Statement, StepType, single_step
from portl.steps._staged_sql import StagedSql
from portl.steps._written import WriteSpec, Writing


class DbInsert(WriteSpec):
    """Inserts a row; a key that is there already is an error."""

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"id"}))


class Inserting:
    """A db.insert made ready."""

    def __init__(self, spec: DbInsert, connections: Connections) -> None:
        self._writing = Writing(spec, connections)
        self._writing.demand()
        columns = self._writing.mapping.columns
        names = ", ".join(quote_identifier(name) for name in columns)
        places = ", ".join(f"${at}" for at in range(1, len(columns) + 1))
        given = "id" if "id" in self._writing.table else "NULL::text AS id"
        table = quote_identifier(spec.table)
        self._sql = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {given}"  # noqa: S608 - quoted and bound

    def plan(self, scope: Scope) -> Statement | Decide:
        """The statement for one record."""
        return self._writing.statement(self._sql, scope)

    def staged(self) -> StagedWrite:
        """See portl.runs.Stageable."""
        writing = self._writing
        columns = writing.mapping.columns
        sql = StagedSql(writing.spec, writing.spec.table, columns, writing.table)
        return StagedWrite(writing.connection, writing.spec.table, columns, sql.integer_ids, plain=sql.plain())

    def staged_answer(self, id_: Any, change: str) -> dict[str, Any]:  # noqa: ARG002 - see portl.runs.Stageable
        """See portl.runs.Stageable."""
        return {"id": id_}

    def result(self, answer: Any) -> Any:
        """``{id}``; null for a record its mapping skipped."""
        return answer if isinstance(answer, dict) else None

    def outcome(self, result: Any) -> str:
        """Inserted or skipped."""
        return "inserted" if result else "skipped"


STEP = StepType("db.insert", DbInsert, Inserting, single_step)
