"""What stands in a file, format by format."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from file_write.support import by_reference, content, memory, planned, write
from portl.errors import MappingError, StepError
from portl.stores import CsvDialect, read_csv

VALUES = {
    "text": "ä,b",
    "nothing": None,
    "empty": "",
    "yes": True,
    "whole": 12345678901234567890,
    "part": 0.1,
    "exact": Decimal("10.10"),
    "day": date(2026, 1, 2),
    "moment": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "id": UUID(int=7),
    "nested": {"b": [1, None], "a": "x"},
}


def test_csv_has_dates_in_iso_8601_exact_decimals_and_nested_values_as_json() -> None:
    assert content([VALUES]).decode() == (
        "text,nothing,empty,yes,whole,part,exact,day,moment,id,nested\n"
        '"ä,b",,"",true,12345678901234567890,0.1,10.10,2026-01-02,2026-01-02T03:04:05+00:00,'
        '00000000-0000-0000-0000-000000000007,"{""a"":""x"",""b"":[1,null]}"\n'
    )


def test_jsonl_and_json_keep_the_types_that_json_has_and_the_order_of_the_keys() -> None:
    line = (
        '{"text":"ä,b","nothing":null,"empty":"","yes":true,"whole":12345678901234567890,"part":0.1,"exact":"10.10",'
        '"day":"2026-01-02","moment":"2026-01-02T03:04:05+00:00","id":"00000000-0000-0000-0000-000000000007",'
        '"nested":{"b":[1,null],"a":"x"}}'
    )
    assert content([VALUES, {"other": 1}], format="jsonl").decode() == f'{line}\n{{"other":1}}\n'
    assert content([VALUES, 5], format="json").decode() == f"[\n{line},\n5\n]\n"


@pytest.mark.parametrize(
    ("form", "more", "expected"),
    [
        ("csv", {}, b""),
        ("csv", {"columns": ["a", "b"]}, b"a,b\n"),
        ("csv", {"columns": ["a"], "dialect": {"header": False}}, b""),
        ("json", {}, b"[]\n"),
        ("jsonl", {}, b""),
        ("text", {"template": "{{ row.a }}", "header": "h", "footer": "f"}, b"h\nf\n"),
    ],
)
def test_an_empty_list_is_a_file_without_records(form: str, more: dict[str, Any], expected: bytes) -> None:
    assert content([], format=form, **more) == expected
    assert write(memory(), [], format=form, **more)["count"] == 0


def test_text_has_a_template_for_each_record_and_ends_every_line_once() -> None:
    made = content(
        [{"a": 1}, {"a": None}], format="text", template="{{ row.a }}\n", header="of {{ run.job }}", footer="{{ run.id }}"
    )
    assert made == b"of export\n1\n\nr1\n"


def test_text_over_records_that_end_in_nothing_still_ends_each_line() -> None:
    assert content([{"a": "x"}], format="text", template="<{{ row.a }}>") == b"<x>\n"


def test_columns_are_made_by_a_mapping_and_a_record_can_be_left_out() -> None:
    columns = {"code": "{{ row.code | upper }}", "n": {"from": "{{ row.n }}", "type": "int", "on_error": "skip"}, "k": 5}
    store = memory()
    done = write(
        store, by_reference([{"code": "a", "n": "1"}, {"code": "b", "n": "x"}, {"code": "c", "n": "3"}]), columns=columns
    )
    assert (store.read("f"), done["count"]) == (b"code,n,k\nA,1,5\nC,3,5\n", 2)


def test_columns_by_name_leave_out_the_others_and_are_null_where_a_record_has_none() -> None:
    assert content([{"a": 1, "b": 2}, {"b": 3}], columns=["b", "a"]) == b"b,a\n2,1\n3,\n"
    assert content([{"a": 1, "b": 2}, {"b": 3}], columns=["a"], format="jsonl") == b'{"a":1}\n{"a":null}\n'


def test_a_dialect_says_delimiter_quote_and_header() -> None:
    dialect = {"delimiter": ";", "quote": "'", "header": False}
    assert content([{"a": "x;y", "b": "it's", "c": 'q"'}], dialect=dialect) == b"'x;y';'it''s';q\"\n"


@pytest.mark.parametrize(
    ("rows", "fields", "code", "text"),
    [
        ([{"a": 1}, {"a": 1, "b": 2}], {}, "M107", "the record has b, and the first one has only a"),
        ([1], {}, "M107", "a record is a mapping, and this is 1"),
        ([{"a": 1}, [1]], {"format": "xlsx"}, "M107", r"a record is a mapping, and this is \[1\]"),
        ([{" ": 1}], {}, "M107", "column 1 has no name"),
        ([{"a": "x\0"}], {}, "M106", "a holds a NUL character"),
        ([{"a": "x" * 32_768}], {"format": "xlsx"}, "M106", "a has 32,768 characters, and a cell holds at most 32,767"),
        pytest.param(
            [dict.fromkeys(map(str, range(16_385)))],
            {"format": "xlsx"},
            "M108",
            "there are 16,385 columns",
            marks=pytest.mark.long,
        ),
        ([{"a": "\ud800"}], {}, "T106", "half a character"),
        ([{"a": float("nan")}], {"format": "jsonl"}, "T106", "nan is no JSON number"),
        ([{"a": "x"}], {"columns": {"n": {"from": "{{ row.a }}", "type": "int"}}}, "M102", "n cannot be int: 'x'"),
        ([{"a": "x"}], {"columns": {"n": "{{ row.b }}"}}, "T110", "`row.b` is not there"),
        ([{"a": "x"}], {"format": "text", "template": "{{ row.b }}"}, "T110", "`row.b` is not there"),
        ([{"a": 1}], {"path": "{{ params.path | default(none) }}"}, "M101", "path has no value"),
        ("abc", {}, "R106", "no list"),
        (None, {}, "R106", "no list"),
        ({"a": 1}, {}, "R106", "no list"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(rows: Any, fields: dict[str, Any], code: str, text: str) -> None:
    store = memory()
    with pytest.raises(StepError, match=text) as refused:
        write(store, rows, **fields)
    assert (refused.value.code, [*store.list()]) == (code, [])


def test_a_record_that_cannot_be_written_is_told_with_its_number_and_its_line() -> None:
    rows = by_reference([{"a": "1"}] * 1_000 + [{"a": "x\0"}] + [{"a": "2"}] * 1_000)
    with pytest.raises(MappingError) as refused:
        write(memory(), rows)
    place = refused.value.place
    assert (place.record, place.line, place.file, place.column) == (1_000, 1_002, "in.csv", "a")


# csv.read of what file.write wrote

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ODD = st.sampled_from(["", " ", '"', '""', "a\r\nb", "\r", ",", ";\t|", "\ufeff", "'", "\u2028", "=1+1", "\x85"])
NAMES = st.lists((TEXTS | ODD).filter(str.strip), min_size=1, max_size=4, unique=True)
DIALECTS = st.sampled_from([{}, {"delimiter": ";"}, {"delimiter": "\t"}, {"delimiter": "^"}, {"quote": "'"}, {"header": False}])


@given(st.data(), NAMES, DIALECTS)
@settings(max_examples=100, deadline=None)
def test_csv_read_of_what_was_written_gives_the_same_records(data: Any, names: list[str], dialect: dict[str, Any]) -> None:
    records = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, TEXTS | ODD | st.none())), min_size=1, max_size=5))
    made = content(records, columns=names, dialect=dialect)
    given_names = None if dialect.get("header", True) else names
    reader = read_csv(io.BytesIO(made), name="f", dialect=CsvDialect(**dialect), columns=given_names)
    assert reader.columns == tuple(names)
    expected = [tuple("" if record[name] is None else record[name] for name in names) for record in records]
    assert [values for _, values in reader] == expected


@given(st.lists(st.dictionaries(TEXTS, st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, st.lists), max_size=3)))
@settings(max_examples=settings.default.max_examples // 4)
def test_json_and_json_lines_are_read_as_the_same_records(records: list[dict[str, Any]]) -> None:
    assert json.loads(content(records, format="json")) == records
    assert [json.loads(line) for line in content(records, format="jsonl").split(b"\n")[:-1]] == records


# xlsx

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def unescaped(text: str) -> str:
    """ST_Xstring of ECMA-376, part 1, 22.9.2.19: what no XML can hold stands as _xHHHH_."""
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def cells(book: bytes) -> list[list[tuple[str, str]]]:
    """The kind and the text of every cell, read by another library than the one that writes."""
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - what this test has written
    return [
        [(cell.get("t", "n"), unescaped("".join(cell.itertext()))) for cell in row.iter(f"{SHEET}c")]
        for row in sheet.iter(f"{SHEET}row")
    ]


def test_xlsx_has_numbers_as_numbers_and_everything_else_as_text() -> None:
    header, row = cells(content([VALUES | {"formula": "=1+1", "small": 5}], format="xlsx"))
    assert [text for _, text in header] == [*VALUES, "formula", "small"]
    assert row == [
        ("inlineStr", "ä,b"),
        ("b", "1"),
        ("inlineStr", "12345678901234567890"),
        ("n", "0.1"),
        ("n", "10.10"),
        ("inlineStr", "2026-01-02"),
        ("inlineStr", "2026-01-02T03:04:05+00:00"),
        ("inlineStr", "00000000-0000-0000-0000-000000000007"),
        ("inlineStr", '{"a":"x","b":[1,null]}'),
        ("inlineStr", "=1+1"),
        ("n", "5"),
    ]


@pytest.mark.parametrize("text", ["a\x01b", "_x0001_", "<&>\"'", " a ", "a\nb", "http://example.org", "@x", "\ufffe"])
def test_xlsx_keeps_a_text_as_it_is_and_the_sheet_can_be_read(text: str) -> None:
    ((_, found),) = cells(content([{"a": text}], format="xlsx"))[1]
    assert found == text


class Many(list[Any]):
    """A list that says it is longer than it is."""

    def __len__(self) -> int:
        return 1_048_576


def test_more_records_than_a_sheet_has_rows_are_refused_before_anything_is_written() -> None:
    rows = Many([{"a": 1}] * 3)
    with pytest.raises(MappingError, match="there are 1,048,576 records, and a sheet has at most 1,048,576 rows") as refused:
        planned(memory(), rows, format="xlsx")
    assert refused.value.code == "M108"
    parts = {"records": 1_000_000}
    assert planned(memory(), rows, format="xlsx", parts=parts, path="out:{{ part }}")[1].count == 1_048_576
    with pytest.raises(MappingError):
        planned(memory(), rows, format="xlsx", parts={"records": 1_048_576}, path="out:{{ part }}")


# compression

PACKED = {"gzip": gzip.decompress, "none": bytes}


@pytest.mark.parametrize("compression", PACKED)
def test_a_compressed_file_holds_the_same(compression: str) -> None:
    rows = [{"a": "x" * 100, "n": number} for number in range(2_000)]
    assert PACKED[compression](content(rows, compression=compression)) == content(rows)


def test_gzip_says_neither_when_it_was_made_nor_what_it_is_called() -> None:
    head = content([{"a": 1}], compression="gzip")[:10]
    assert (head[3], head[4:8]) == (0, b"\0\0\0\0")


def test_zstd_is_one_frame_that_the_library_reads() -> None:
    zstd = pytest.importorskip("backports.zstd")
    rows = [{"a": "x" * 100, "n": number} for number in range(2_000)]
    assert zstd.decompress(content(rows, compression="zstd")) == content(rows)


FORMS = [
    {"format": "csv"},
    {"format": "json"},
    {"format": "jsonl", "compression": "gzip"},
    {"format": "csv", "compression": "zstd"},
    {"format": "xlsx"},
    {"format": "text", "template": "{{ row.a }}"},
]


@pytest.mark.parametrize("fields", FORMS, ids=str)
def test_the_same_records_are_the_same_bytes_by_reference_or_at_hand(fields: dict[str, Any]) -> None:
    records = [{"a": f"x{number}", "n": number} for number in range(250)]
    assert content(records, **fields) == content(by_reference(records), **fields)
