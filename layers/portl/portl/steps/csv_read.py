"""``csv.read``: a CSV file becomes rows of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.connections import Connections
from portl.jobs import ResultShape, StepSpec
from portl.jobs._models import Strict
from portl.runs import ReadRecords, Scope, StepType, run_step
from portl.values import as_string, compile_value


class Dialect(Strict):
    """How the file is written; what is not told is found out."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="Found among , ; tab | when not told.")
    quote: str = Field(default='"', min_length=1, max_length=1, description="What stands around a field.")
    header: bool = Field(default=True, description="Whether the first record names the columns.")


class CsvRead(StepSpec):
    """Reads a CSV strictly, as a stream: every record is text by column name."""

    path: str = Field(description="The file: store:path, s3://bucket/key, or a path from the working folder.")
    dialect: Dialect = Field(default=Dialect(), description="How the file is written.")
    columns: list[str] | None = Field(default=None, description="Columns that must be there.")
    types: dict[str, Literal["text", "int", "float", "decimal", "bool", "date", "datetime", "json", "uuid"]] = Field(
        default_factory=dict, description="Column → type; the others are text."
    )
    encoding: str | None = Field(default=None, description="UTF-8 when not told.")
    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=1, description="A longer record is an error.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"rows", "count", "columns"}), frozenset({"rows"}))

    def addresses(self) -> Iterator[str]:
        """See StepSpec."""
        yield self.path

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("path",), self.path


class Reading:
    """A csv.read made ready."""

    def __init__(self, spec: CsvRead, _: Connections) -> None:
        self._spec = spec
        self._path = compile_value(spec.path)

    def plan(self, scope: Scope) -> ReadRecords:
        """The file to read."""
        spec = self._spec
        options = {
            "dialect": spec.dialect.model_dump(),
            "columns": spec.columns,
            "types": spec.types,
            "encoding": spec.encoding,
            "max_record_bytes": spec.max_record_bytes,
        }
        return ReadRecords(as_string(self._path.render(scope)), options)

    def result(self, answer: Any) -> Any:
        """``{rows, count, columns}``, the rows by reference."""
        rows, columns = answer
        return {"rows": {"$rows": rows.to_json()}, "count": rows.count, "columns": list(columns)}

    def outcome(self, result: Any) -> str:
        """Counted by record."""
        return f"read:{result['count']}"


STEP = StepType("csv.read", CsvRead, Reading, run_step)
