"""What the queries have in common: SQL with ``:name`` places and the values for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ConfigDict

from portl.connections import bind_names
from portl.jobs import alone
from portl.runs import Scope, Statement
from portl.steps._sql import SQL_GIVEN, SqlSpec
from portl.values import compile_value


class QuerySpec(SqlSpec):
    """A query: ``sql``, or the file that holds it, and the values for its places."""

    model_config = ConfigDict(json_schema_extra={"anyOf": SQL_GIVEN, "dependencies": {"sql": alone("sql_file")}})

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """There is SQL, and it is right."""
        if not self.runs_sql():
            yield (), "J003", 'the field "sql" is missing', "or write sql_file: a file of the job's folder"
        yield from super().findings()


class Querying:
    """A query made ready."""

    def __init__(self, spec: SqlSpec, answer: Literal["one", "many", "count"]) -> None:
        self._connection = str(spec.connection)
        self._sql, self._names = bind_names(spec.statement)
        self._params = compile_value(spec.params)
        self._answer = answer

    def plan(self, scope: Scope) -> Statement:
        """The statement for one record."""
        values = self._params.render(scope)
        params = tuple(values[name] for name in self._names)
        return Statement(self._connection, self._sql, params, self._answer, self._names)
