"""The records of a ``file.write``: what each becomes, in what columns, and the bytes of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from portl.errors import MappingError, Place, StepError
from portl.formats import COMPRESSIONS, MAX_ROWS, compressed, csv_bytes, json_bytes, jsonl_bytes, shaped, xlsx_bytes
from portl.runs import Scope, listed
from portl.stores import CsvDialect
from portl.values import (
    Compiled,
    RecordMapping,
    Unknown,
    as_string,
    as_text,
    compile_mapping,
    compile_value,
    text_with,
    to_json,
)

if TYPE_CHECKING:
    from portl.steps.file_write import FileWrite

FIRST = 3
"""Records that a plan shows."""
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "text": "text/plain; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class FileContent:
    """See portl.runs.Content."""

    def __init__(self, spec: FileWrite, scope: Scope, rows: Any) -> None:
        self._spec, self._scope = spec, scope
        self.listed = listed(rows, str(spec.rows))
        self._path, self._template = compile_value(spec.path), compile_value(spec.template)
        self._mapping: RecordMapping | None = compile_mapping(spec.columns) if isinstance(spec.columns, dict) else None

    @property
    def media_type(self) -> str:
        """What the store is told that the file is."""
        spec = self._spec
        return spec.content_type or COMPRESSIONS.get(spec.compression) or _MEDIA[spec.format]

    @cached_property
    def columns(self) -> tuple[str, ...] | Unknown | None:
        """The names of the columns; None where every record has its own."""
        if self._spec.columns is not None:
            return tuple(self._spec.columns)
        if self._spec.format not in ("csv", "xlsx"):
            return None
        begin = self.listed.begin(1)
        if not begin:
            return ()
        if isinstance(begin[0], Unknown):
            return begin[0].through("keys")
        try:
            return tuple(shaped(begin[0], tuple(begin[0]) if isinstance(begin[0], Mapping) else (), told=False))
        except StepError as problem:
            raise problem.at(self.listed.place(0)) from None

    def demand_room(self) -> None:
        """Refuses what no sheet of a workbook can hold (M108), before anything is written."""
        total, parts = self.listed.total, self._spec.parts
        if self._spec.format != "xlsx" or isinstance(total, Unknown):
            return
        rows = (min(total, parts.records) if parts else total) + 1
        if rows > MAX_ROWS:
            text = f"there are {rows - 1:,} records, and a sheet has at most {MAX_ROWS:,} rows, one of them the header"
            hint = "write parts: {records: 1000000}, or format: csv"
            raise MappingError(text, code="M108", hint=hint, place=Place(step=self._spec.id))

    def first(self) -> tuple[Any, ...] | Unknown:
        """The first records as they are written, null for one that a column's ``on_error: skip`` leaves out."""
        made = tuple(to_json(self._placed(index, record)) for index, record in enumerate(self.listed.begin(FIRST)))
        return Unknown(str([*made])) if isinstance(self.listed.total, Unknown) else made

    def records(self, start: int) -> Iterator[tuple[int, Any]]:
        """See Content."""
        total = self.listed.total
        for index in range(start, total if isinstance(total, int) else 0):
            record = self._placed(index, self.listed.read(index))
            if record is not None or self._mapping is None:
                yield index, record

    def encoded(self, records: Iterable[Any]) -> Iterator[bytes]:
        """See Content."""
        return compressed(self._plain(records), self._spec.compression)

    def address(self, part: int) -> Any:
        """See Content; an Unknown in a plan that cannot tell."""
        return self.named("path", self._path, {**self._scope, "part": f"{part:05d}"})

    def place(self, index: int) -> Place:
        """See Content."""
        return self.listed.place(index)

    def named(self, field: str, address: Compiled, scope: Scope) -> str | Unknown:
        """An address for a scope.

        Raises:
            MappingError: M101, it comes to nothing.
        """
        value = address.render(scope)
        if value is None or value == "":
            hint = "give it a default, or correct what it is made of"
            raise MappingError(f"{field} has no value", code="M101", hint=hint, place=Place(field=field))
        return as_string(value)

    def _placed(self, index: int, record: Any) -> Any:
        try:
            return self._made(record)
        except StepError as problem:
            raise problem.at(self.listed.place(index)) from problem.__cause__

    def _made(self, record: Any) -> Any:
        """What is written for a record."""
        columns = self.columns
        scope = {**self._scope, "row": record}
        if self._spec.format == "text":
            return _line(self._template.render(scope))
        if self._mapping is not None:
            return self._mapping.apply(scope)
        if columns is None or isinstance(columns, Unknown):
            return record
        if isinstance(record, Unknown):
            return {name: record.read(name) for name in columns}
        return shaped(record, columns, told=self._spec.columns is not None)

    def _plain(self, records: Iterable[Any]) -> Iterator[bytes]:
        columns = self.columns if isinstance(self.columns, tuple) else ()
        match self._spec.format:
            case "csv":
                return csv_bytes(records, columns, CsvDialect(**self._spec.dialect.model_dump()))
            case "xlsx":
                return xlsx_bytes(records, columns, header=True)
            case "json":
                return json_bytes(records)
            case "jsonl":
                return jsonl_bytes(records)
            case "text":
                return self._text(records)

    def _text(self, records: Iterable[str]) -> Iterator[bytes]:
        for name in ("header", "footer"):
            text = getattr(self._spec, name)
            if text is not None:
                yield _line(compile_value(text).render(self._scope)).encode()
            if name == "header":
                yield from (record.encode() for record in records)


def _line(value: Any) -> Any:
    """A text that ends its line."""
    if isinstance(value, Unknown):
        return text_with([value, "\n"])
    text = as_text(to_json(value))
    return text if text.endswith("\n") else f"{text}\n"
