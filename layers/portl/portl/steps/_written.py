"""What the steps that write have in common: a table, a mapping, and the columns the table insists on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field

from portl.connections import Connections
from portl.errors import MappingError, Place
from portl.jobs import StepSpec, defined_as
from portl.runs import Decide, Scope, Statement
from portl.values import RecordMapping, compile_mapping

Columns = Annotated[dict[str, Any], defined_as("Mapping"), Field(min_length=1)]
"""Column → expression, or the long form."""
TableName = Annotated[str, Field(pattern=r"^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$")]


_GIVE = "where it is empty, give the column a default; where it did not fit, correct the source or leave it out: on_error: skip"


class WriteSpec(StepSpec):
    """The fields of every step that writes a table."""

    table: TableName = Field(description="The table that is written, with its schema before a dot if need be.")
    mapping: Columns = Field(description="Column → expression, or {from, type, transforms, default, required, on_error}.")

    connects_to: ClassVar[str | None] = "postgres"

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("mapping",), self.mapping

    def writes(self) -> frozenset[str]:
        """See StepSpec."""
        return frozenset({self.table})


class Writing:
    """A mapping and its table, ready for records."""

    def __init__(self, spec: WriteSpec, connections: Connections, fields: dict[str, Any] | None = None) -> None:
        self.spec = spec
        self.connection = str(spec.connection)
        self.mapping: RecordMapping = compile_mapping(spec.mapping if fields is None else fields)
        self.table = connections.get(self.connection).table(spec.table)
        self._known()

    def _known(self) -> None:
        for name in self.mapping.columns:
            if name not in self.table:
                text = f"the table {self.spec.table} has no column {name}"
                hint = f"it has {', '.join(self.table)}"
                raise MappingError(text, code="M105", hint=hint, place=Place(step=self.spec.id, column=name))

    def demand(self) -> None:
        """Refuses a mapping without a column that is NOT NULL and that the database does not fill (M104)."""
        for column in self.table.values():
            if column.not_null and not column.filled and column.name not in self.mapping.columns:
                text = f"{column.name} of {self.spec.table} is NOT NULL, has no default and is not in the mapping"
                raise MappingError(text, code="M104", hint="map it", place=Place(step=self.spec.id, column=column.name))

    def statement(self, sql: str, scope: Scope) -> Statement | Decide:
        """What is done with one record: ``sql`` with a place for each column of the mapping, or nothing where that skips it."""
        values = self.values(scope)
        if values is None:
            return Decide("else")
        columns = self.mapping.columns
        return Statement(self.connection, sql, tuple(values[name] for name in columns), "one", columns)

    def values(self, scope: Scope) -> dict[str, Any] | None:
        """The mapped values of one record, none of them null where the table forbids it (M101)."""
        values = self.mapping.apply(scope)
        for name, value in (values or {}).items():
            if value is None and self.table[name].not_null:
                text = f"{name} of {self.spec.table} is NOT NULL and the record has no value for it"
                raise MappingError(text, code="M101", hint=_GIVE, place=Place(column=name))
        return values
