"""``db.update``: rows that are there get new values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from portl.connections import Connections, quote_identifier
from portl.jobs import ResultShape, alone
from portl.runs import Decide, Scope, Statement, StepType, single_step
from portl.steps._query import Querying
from portl.steps._sql import SQL_GIVEN, SqlSpec
from portl.steps._written import Columns, TableName, WriteSpec, Writing
from portl.values import compile_mapping

_FORMS: dict[str, Any] = {
    "anyOf": [{"required": ["set", "where"]}, *SQL_GIVEN],
    "dependencies": {
        "sql": alone("sql_file", "set", "where"),
        "sql_file": alone("set", "where"),
        "params": {"anyOf": SQL_GIVEN},
    },
}


class DbUpdate(SqlSpec):
    """Sets columns of the rows that every condition of ``where`` meets (a null there meets nulls), or runs SQL of its own.

    ``table`` says what is written in both forms: runs queue for it, and neighbouring steps keep their order by it.
    """

    model_config = ConfigDict(json_schema_extra=_FORMS)

    table: TableName = Field(description="The table that is written.")
    set: Columns | None = Field(default=None, description="Column → its new value.")
    where: Columns | None = Field(default=None, description="Column → the value that chooses the rows; all must be met.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"count"}))
    verbs: ClassVar[frozenset[str] | None] = frozenset({"update", "with", "merge"})

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        for name, value in (("set", self.set), ("where", self.where)):
            if value is not None:
                yield (name,), value

    def writes(self) -> frozenset[str]:
        """See StepSpec."""
        return frozenset({self.table})

    def repeatable(self) -> bool:
        """See StepSpec; SQL of its own may count up."""
        return not self.runs_sql()

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """``set`` and ``where``, or SQL."""
        given = {name for name in ("set", "where") if getattr(self, name) is not None}
        if self.runs_sql():
            for name in sorted(given):
                yield (name,), "J004", f"{name} is for an update without SQL of its own", f"leave {name} out, or the SQL"
        else:
            for name in ("set", "where"):
                if name not in given:
                    yield (), "J003", f'the field "{name}" is missing', "an update has set and where, or sql, or sql_file"
            if self.params:
                yield ("params",), "J004", "params are for the places of SQL", "leave them out"
        yield from super().findings()


class Updating:
    """A db.update made ready."""

    def __init__(self, spec: DbUpdate, connections: Connections) -> None:
        self._form = Querying(spec, "count") if spec.runs_sql() else Setting(spec, connections)

    def plan(self, scope: Scope) -> Statement | Decide:
        """The statement for one record."""
        return self._form.plan(scope)

    def result(self, answer: Any) -> Any:
        """``{count}`` of the rows that were there."""
        return {"count": answer if isinstance(answer, int) else 0}

    def outcome(self, result: Any) -> str:
        """updated, or unchanged when no row was there."""
        return "updated" if result["count"] else "unchanged"


class Setting:
    """The form with ``set`` and ``where``."""

    def __init__(self, spec: DbUpdate, connections: Connections) -> None:
        given, wanted = spec.set or {}, spec.where or {}
        written = WriteSpec(id=spec.id, type=spec.type, connection=spec.connection, table=spec.table, mapping=given)
        self._writing = Writing(written, connections)
        self._where = compile_mapping(wanted)
        self._columns = (*self._writing.mapping.columns, *self._where.columns)
        names = [quote_identifier(name) for name in self._columns]
        cut = len(self._writing.mapping.columns)
        sets = ", ".join(f"{name} = ${at}" for at, name in enumerate(names[:cut], 1))
        meets = " AND ".join(f"{name} IS NOT DISTINCT FROM ${at}" for at, name in enumerate(names[cut:], cut + 1))
        self._sql = f"UPDATE {quote_identifier(spec.table)} SET {sets} WHERE {meets}"  # noqa: S608 - quoted and bound

    def plan(self, scope: Scope) -> Statement | Decide:
        """The statement for one record."""
        values, where = self._writing.values(scope), self._where.apply(scope)
        if values is None or where is None:
            return Decide("else")
        params = (*values.values(), *where.values())
        return Statement(self._writing.connection, self._sql, params, "count", self._columns)


STEP = StepType("db.update", DbUpdate, Updating, single_step)
