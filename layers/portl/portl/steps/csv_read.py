"""``csv.read``: a CSV file becomes rows of the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.connections import Connections
from portl.errors import RunError
from portl.jobs import ResultShape, StepSpec
from portl.jobs._strict import Strict
from portl.runs import ReadRecords, RowsReader, Scope, StepType, run_step
from portl.steps._pinning import Pinning
from portl.stores import Compression
from portl.values import Unknown, as_string, compile_value, json_text, shortened

FILE = "file"
"""What ``path`` calls a record of ``for_each``."""


class Dialect(Strict):
    """How the file is written; what is not told is found out."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="Found among , ; tab | when not told.")
    quote: str = Field(default='"', min_length=1, max_length=1, description="What stands around a field.")
    header: bool = Field(default=True, description="Whether the first record names the columns.")


class CsvRead(StepSpec):
    """Reads a CSV strictly, as a stream: every record is text by column name."""

    path: str = Field(
        description="The file: store:path, s3://bucket/key, or a path from the working folder; a pattern of files with * ? [] "
        "{,} and **; or one {{ expression }} for a list of addresses, or of records that have an address or a path."
    )
    for_each: str | None = Field(
        default=None,
        description="One {{ expression }} for a list of records: path is worked out for each of them, called file.",
    )
    version: str | None = Field(
        default=None,
        description="The version of the file that is read, as an event names it; null is the newest. path is then one file's.",
    )
    etag: str | None = Field(default=None, description="The ETag that the file must have. path is then one file's.")
    dialect: Dialect = Field(default=Dialect(), description="How the file is written.")
    columns: list[str] | None = Field(default=None, description="Columns that must be there.")
    types: dict[str, Literal["text", "int", "float", "decimal", "bool", "date", "datetime", "json", "uuid"]] = Field(
        default_factory=dict, description="Column → type; the others are text."
    )
    encoding: str | None = Field(default=None, description="UTF-8 when not told.")
    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=1, description="A longer record is an error.")
    compression: Compression = Field(default="auto", description="How the file is packed; auto looks at its first bytes.")
    member: str | None = Field(default=None, description="The file inside a zip; without it the only one.")
    file_column: str | None = Field(default=None, min_length=1, description="A column more, that has the file's address.")
    allow_empty: bool = Field(default=False, description="Whether no file at all is no records, and no error.")
    ranges: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether chunks read their part of the file itself, or a copy in the run; auto: the file, from 64 MiB on.",
    )

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"rows", "count", "columns"}), frozenset({"rows"}))

    def leaves_rows(self) -> bool:
        """See StepSpec."""
        return self.ranges != "never" and self.compression in ("auto", "none")

    def addresses(self) -> Iterator[str]:
        """See StepSpec."""
        yield self.path

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("path",), self.path
        yield from (((name,), value) for name in ("for_each", "version", "etag") if (value := getattr(self, name)) is not None)

    def own_names(self) -> Iterator[tuple[str, str]]:
        """See StepSpec."""
        if self.for_each is not None:
            yield "path", FILE

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """A version is one file's."""
        for name in ("version", "etag"):
            if self.for_each is not None and getattr(self, name) is not None:
                yield (name,), "J004", f"{name} is of one file, and for_each makes a path for each of a list", "leave one out"


class Reading:
    """A csv.read made ready."""

    def __init__(self, spec: CsvRead, _: Connections) -> None:
        self._spec = spec
        self._path = compile_value(spec.path)
        self._files = compile_value(spec.for_each) if spec.for_each is not None else None
        self._pin = Pinning(spec.version, spec.etag)

    def plan(self, scope: Scope) -> ReadRecords:
        """The files to read. What is read by a pin that is not known yet is not known either."""
        pin = self._pin.of(scope)
        if pin is not None:
            unknown = next((each for each in (pin.version, pin.etag) if isinstance(each, Unknown)), None)
            return ReadRecords(unknown or _one(self._path.render(scope)), self._options(), pin)
        found = self._path.render(scope) if self._files is None else self._each(self._files.render(scope), scope)
        return ReadRecords(_paths(found), self._options())

    def _each(self, files: Any, scope: Scope) -> Any:
        """The path of each file of a list."""
        if isinstance(files, Unknown) or (isinstance(files, RowsReader) and files.rows.begins):
            return files
        if isinstance(files, (str, Mapping)) or not isinstance(files, Iterable):
            text = f"for_each gives {shortened(str(json_text(files)), 80)}, which is no list"
            raise RunError(text, code="R107", hint="a list of records, such as the rows of a store.list")
        return [self._path.render({**scope, FILE: each}) for each in files]

    def _options(self) -> dict[str, Any]:
        spec = self._spec
        return {
            "dialect": spec.dialect.model_dump(),
            "columns": spec.columns,
            "types": spec.types,
            "encoding": spec.encoding,
            "max_record_bytes": spec.max_record_bytes,
            "compression": spec.compression,
            "member": spec.member,
            "file_column": spec.file_column,
            "allow_empty": spec.allow_empty,
            "ranges": spec.ranges,
        }

    def result(self, answer: Any) -> Any:
        """``{rows, count, columns}``, the rows by reference."""
        rows, columns = answer
        return {"rows": {"$rows": rows.to_json()}, "count": rows.count, "columns": list(columns)}

    def outcome(self, result: Any) -> str:
        """Counted by record."""
        return f"read:{result['count']}"


def _one(value: Any) -> str | Unknown:
    """The one address that ``path`` gives where a version or an ETag is told.

    Raises:
        RunError: R107, it gives a list.
    """
    if isinstance(value, (str, Unknown)):
        return value
    text = f"path gives {shortened(str(json_text(value)), 80)}, and version and etag are of one file"
    raise RunError(text, code="R107", hint="name one file, or leave version and etag out")


def _paths(value: Any) -> str | tuple[str, ...] | Unknown:
    """What ``path`` gives: an address, or those of a list."""
    if isinstance(value, RowsReader) and value.rows.begins:
        return Unknown.named(value.rows.begins)
    if isinstance(value, (str, Unknown, Mapping)) or not isinstance(value, Iterable):
        return as_string(value)
    found = [_address(each) for each in value]
    unknown = next((each for each in found if isinstance(each, Unknown)), None)
    return unknown if unknown is not None else tuple(map(str, found))


def _address(item: Any) -> str | Unknown:
    """An address out of a list: the item itself, or what a record names by ``address``, else by ``path``."""
    found = next((item[name] for name in ("address", "path") if name in item), None) if isinstance(item, Mapping) else item
    if isinstance(found, (str, Unknown)):
        return found
    text = f"path gives a list, and {shortened(str(json_text(item)), 80)} in it names no file"
    raise RunError(text, code="R107", hint="a list of addresses, or of records with an address or a path")


STEP = StepType("csv.read", CsvRead, Reading, run_step)
