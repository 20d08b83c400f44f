"""``file.write``: a list of records becomes a file of a store, or several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from portl.connections import Connections
from portl.formats import Compression
from portl.jobs import ResultShape, StepSpec, alone
from portl.jobs._strict import Strict
from portl.runs import Scope, StepType, WriteFile, run_step
from portl.steps._file_findings import findings_of
from portl.steps._file_records import FileContent
from portl.steps.csv_read import Dialect
from portl.stores import Put
from portl.values import compile_value

Format = Literal["csv", "json", "jsonl", "xlsx", "text"]
_TEXTS = ("path", "rows", "template", "header", "footer")


def _columns(value: Any) -> Any:
    is_names = isinstance(value, list) and all(isinstance(name, str) for name in value)
    if value and (isinstance(value, dict) or is_names):
        return value
    raise PydanticCustomError("columns", "should map names to expressions, or list names")


def _rows(value: Any) -> Any:
    if isinstance(value, (str, list)):
        return value
    raise PydanticCustomError("rows", "should be a list, or an expression that names one")


_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
Chosen = Annotated[Any, PlainValidator(_columns), WithJsonSchema({"anyOf": [{"definition": "Mapping"}, _NAMES]})]
Rows = Annotated[Any, PlainValidator(_rows), WithJsonSchema({"type": ["string", "array"]})]


def _of(*formats: str) -> dict[str, Any]:
    return {"properties": {"format": {"enum": list(formats)}}, "required": ["format"]}


_TOGETHER: dict[str, Any] = {
    "allOf": [
        {
            "if": _of("text"),
            "then": {"required": ["template"], "properties": {"template": {"type": "string"}, "columns": False}},
            "else": alone("template", "header", "footer"),
        },
        {"if": _of("json", "jsonl", "xlsx", "text"), "then": alone("dialect")},
        {"if": _of("xlsx"), "then": {"properties": {"compression": {"const": "none"}}}},
    ],
    "dependencies": {"parts": {"properties": {"path": {"pattern": "part"}}}},
}
"""What ``findings_of`` says of fields together, as far as a schema can."""


class Parts(Strict):
    """Several files instead of one, the records in their order."""

    records: int = Field(ge=1, description="Records in a file; the last one may have fewer.")
    manifest: str | None = Field(
        default=None, description="The address of a JSON file that names them all, written when all of them are there."
    )


class FileWrite(StepSpec):
    """Writes a list of records as a file, whole or not at all. The same records are always the same bytes."""

    model_config = ConfigDict(json_schema_extra=_TOGETHER)

    path: str = Field(description="The file: store:path, s3://bucket/key, or a path. With parts it reads {{ part }}.")
    rows: Rows = Field(description='The list: "{{ steps.x.rows }}", a parameter, or a list written here.')
    format: Format = Field(description="csv, json (one list), jsonl (a line for each), xlsx (one sheet), or text by template.")
    columns: Chosen | None = Field(
        default=None,
        description="Column → expression over row, as a mapping, or names; the keys of the first record when not told.",
    )
    template: str | None = Field(default=None, description="Of text: what stands for a record, row; a line end is added.")
    header: str | None = Field(default=None, description="Of text: what stands before the records.")
    footer: str | None = Field(default=None, description="Of text: what stands behind them.")
    dialect: Dialect = Field(default=Dialect(), description="Of csv: how it is written; by comma when not told.")
    compression: Compression = Field(default="none", description="How the file is compressed; its name is as path says.")
    parts: Parts | None = Field(default=None, description="Several files of so many records.")
    overwrite: Put = Field(
        default="fail",
        description="When something is there: fail unless it is the same, replace it, or replace it if_different.",
    )
    content_type: str | None = Field(
        default=None, description="The media type that the store keeps; that of the format when not told."
    )

    files: ClassVar[Literal["none", "read", "changed"]] = "changed"
    once: ClassVar[bool] = True
    shape: ClassVar[ResultShape] = ResultShape(frozenset({"path", "size", "checksum", "count", "files"}))

    def addresses(self) -> Iterator[str]:
        """See StepSpec."""
        yield self.path
        if self.parts is not None and self.parts.manifest is not None:
            yield self.parts.manifest

    def outputs(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """See StepSpec."""
        yield ("path",), self.path
        if self.parts is not None and self.parts.manifest is not None:
            yield ("parts", "manifest"), self.parts.manifest

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield from (((name,), value) for name in _TEXTS if (value := getattr(self, name)) is not None)
        if isinstance(self.columns, dict):
            yield ("columns",), self.columns
        if self.parts is not None and self.parts.manifest is not None:
            yield ("parts", "manifest"), self.parts.manifest

    def own_names(self) -> Iterator[tuple[str, str]]:
        """See StepSpec."""
        yield "columns", "row"
        yield "template", "row"
        if self.parts is not None:
            yield "path", "part"

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """What the fields do not say together."""
        yield from findings_of(self)


class Writing:
    """A file.write made ready."""

    def __init__(self, spec: FileWrite, _: Connections) -> None:
        self._spec = spec
        self._rows = compile_value(spec.rows)
        self._manifest = compile_value(spec.parts.manifest if spec.parts else None)

    def plan(self, scope: Scope) -> WriteFile:
        """The file to write; its first records are made now, so that what is wrong with all of them is told before."""
        spec = self._spec
        content = FileContent(spec, scope, self._rows.render(scope))
        content.demand_room()
        return WriteFile(
            path=content.address(1),
            format=spec.format,
            columns=content.columns,
            count=content.listed.total,
            first=content.first(),
            compression=spec.compression,
            overwrite=spec.overwrite,
            content_type=content.media_type,
            parts=spec.parts.records if spec.parts else None,
            manifest=content.named("manifest", self._manifest, scope) if spec.parts and spec.parts.manifest else None,
            content=content,
        )

    def result(self, answer: Any) -> Any:
        """``{path, size, checksum, count, files}``."""
        return {name: getattr(answer, name) for name in ("path", "size", "checksum", "count", "files")}

    def outcome(self, result: Any) -> str:
        """Counted by record."""
        return f"written:{result['count']}"


STEP = StepType("file.write", FileWrite, Writing, run_step)
