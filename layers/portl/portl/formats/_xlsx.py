"""Records as one sheet of an XLSX workbook (ECMA-376), row by row through a file of this machine, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from portl.errors import MappingError, Place, SetupError
from portl.values import as_text, to_json

MAX_ROWS, MAX_COLUMNS, MAX_CHARACTERS = 1_048_576, 16_384, 32_767
"""https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3"""
EXACT_DIGITS = 15
"""What a number of Excel holds; a longer one is written as text, so that no digit is lost."""
READ_BYTES = 256 * 1024
CREATED = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands in every workbook, so that the same records are the same bytes."""


def xlsx_bytes(records: Iterable[Mapping[str, Any]], columns: Sequence[str], *, header: bool) -> Iterator[bytes]:
    """The workbook. Numbers of up to 15 digits are numbers, everything else is text: what looks like a formula is none.

    Raises:
        MappingError: M106, a text has over 32,767 characters; M108, there are over 16,384 columns or 1,048,576 rows.
        TemplateError: T106, a value is no JSON.
        SetupError: V142, the library is not there.
    """
    if len(columns) > MAX_COLUMNS:
        text = f"there are {len(columns):,} columns, and a sheet has at most {MAX_COLUMNS:,}"
        raise MappingError(text, code="M108", hint="name fewer under columns")
    with TemporaryDirectory(prefix="portl-xlsx-") as folder:
        path = Path(folder) / "book.xlsx"
        _fill(path, records, columns, header=header)
        with path.open("rb") as stream:
            while part := stream.read(READ_BYTES):
                yield part


def _fill(path: Path, records: Iterable[Mapping[str, Any]], columns: Sequence[str], *, header: bool) -> None:
    book = _library().Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
    book.set_properties({"created": CREATED})
    sheet = book.add_worksheet("records")
    try:
        first = int(header and bool(columns))
        if first:
            _row(sheet, 0, columns, columns)
        for number, record in enumerate(records, first):
            if number == MAX_ROWS:
                raise MappingError(f"a sheet has at most {MAX_ROWS:,} rows", code="M108", hint="write parts, or csv")
            _row(sheet, number, columns, [record.get(name) for name in columns])
    finally:
        book.close()


def _row(sheet: Any, number: int, columns: Sequence[str], values: Sequence[Any]) -> None:
    for at, value in enumerate(values):
        if value is not None and value != "":
            write, cell = _cell(sheet, columns[at], value)
            write(number, at, cell)


def _cell(sheet: Any, column: str, value: Any) -> tuple[Callable[..., Any], Any]:
    if isinstance(value, bool):
        return sheet.write_boolean, value
    if isinstance(value, (int, float, Decimal)) and _is_exact(value):
        return sheet.write_number, value
    text = as_text(to_json(value))
    if len(text.encode("utf-16-le")) // 2 > MAX_CHARACTERS:
        problem = f"{column} has {len(text):,} characters, and a cell holds at most {MAX_CHARACTERS:,}"
        raise MappingError(problem, code="M106", hint="shorten it, or write csv or jsonl", place=Place(column=column))
    return sheet.write_string, text


def _is_exact(number: float | Decimal) -> bool:
    exact = Decimal(str(number))
    return exact.is_finite() and len(exact.as_tuple().digits) <= EXACT_DIGITS


def _library() -> Any:
    """Loaded only when a workbook is written."""
    try:
        import xlsxwriter
    except ImportError:
        hint = "pip install XlsxWriter; on AWS it is part of the layer of stores (layers/files)"
        raise SetupError("xlsx cannot be written without the package XlsxWriter", code="V142", hint=hint) from None
    return xlsxwriter
