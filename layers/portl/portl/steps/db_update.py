"""``db.update``: rows that are there get new values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from portl.connections import Connections, quote_identifier
from portl.jobs import ResultShape, StepSpec
from portl.runs import Decide, Scope, Statement, StepType, single_step
from portl.steps._written import TableName, WriteSpec, Writing
from portl.values import compile_mapping


class DbUpdate(StepSpec):
    """Sets columns of the rows that every condition of ``where`` meets; a null there meets nulls."""

    table: TableName
    set: dict[str, Any] = Field(min_length=1)
    where: dict[str, Any] = Field(min_length=1)

    connects_to: ClassVar[str | None] = "postgres"
    shape: ClassVar[ResultShape] = ResultShape(frozenset({"count"}))

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("set",), self.set
        yield ("where",), self.where

    def writes(self) -> frozenset[str]:
        """See StepSpec."""
        return frozenset({self.table})


class Updating:
    """A db.update made ready."""

    def __init__(self, spec: DbUpdate, connections: Connections) -> None:
        written = WriteSpec(id=spec.id, type=spec.type, connection=spec.connection, table=spec.table, mapping=spec.set)
        self._writing = Writing(written, connections)
        self._where = compile_mapping(spec.where)
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

    def result(self, answer: Any) -> Any:
        """``{count}`` of the rows that were there."""
        return {"count": answer if isinstance(answer, int) else 0}

    def outcome(self, result: Any) -> str:
        """updated, or unchanged when no row was there."""
        return "updated" if result["count"] else "unchanged"


STEP = StepType("db.update", DbUpdate, Updating, single_step)
