"""Guesses from a CSV, and jobs for columns of any name."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.connections import CONNECTION_TYPES, Target, split_statements
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.scaffold import KINDS, Answers, Column, Seen, job_files, look, plain_name
from portl_cli.scaffold._columns import SQL_TYPES, database_names
from portl_cli.scaffold._sql import quoted, schema


@pytest.mark.parametrize(
    ("values", "kind", "transforms"),
    [
        (["1", "-20", "0"], "int", ()),
        (["1", "2.5"], "decimal", ()),
        (["1.250,50", "3,5"], "decimal", ({"parse_number": {"decimal": ",", "group": "."}},)),
        (["1,234", "2,500"], "text", ()),
        (["007", "008"], "text", ()),
        (["+49301234", "+4930999"], "text", ()),
        (["true", "No"], "bool", ()),
        (["2026-01-31", ""], "date", ()),
        (["2026-02-30"], "text", ()),
        (["31.01.2026"], "date", ({"parse_date": "%d.%m.%Y"},)),
        (["01/02/2026"], "text", ()),
        (["2026-01-31T10:00:00Z", "2026-01-31 10:00:00+02:00"], "datetime", ()),
        (["6f1c1d9e-0000-4000-8000-000000000001"], "uuid", ()),
        (['{"a": 1}', "[]"], "json", ()),
        (["{broken"], "text", ()),
        (["", ""], "text", ()),
        (["12345678901234567890"], "decimal", ()),
        (["1" * 200], "text", ()),
        (["1\u0661"], "text", ()),
    ],
)
def test_a_columns_type_is_guessed_only_where_every_value_has_it(
    tmp_path: Path, values: list[str], kind: str, transforms: tuple[object, ...]
) -> None:
    quotes = ['"' + value.replace('"', '""') + '"' for value in values]
    (tmp_path / "x.csv").write_text("id,it\n" + "".join(f"k{at},{value}\n" for at, value in enumerate(quotes)), "utf-8")
    assert look(tmp_path / "x.csv").columns == (Column("id", "id"), Column("it", "it", kind, transforms))


def test_the_key_is_a_column_without_gaps_or_doubles_one_named_like_a_key_first(tmp_path: Path) -> None:
    for text, key in (
        ("name,note,code\na,x,1\nb,x,2\n", ("code",)),
        ("note,name,code\nx,a,1\nx,b,1\n", ("name",)),
        ("note,name\nx,\nx,a\n", ("note",)),
    ):
        (tmp_path / "x.csv").write_text(text, "utf-8")
        assert look(tmp_path / "x.csv").key == key


def test_names_for_the_database_are_plain_and_no_two_alike() -> None:
    sources = ["First Name", "first-name", "Größe", "42", "日本", "a" * 80, "first_name_2"]
    assert database_names(sources) == ["first_name", "first_name_2", "groe", "c_42", "column_5", "a" * 59, "first_name_2_2"]
    assert plain_name("Stock list") == "stock_list"


def test_a_columns_type_fits_every_record_of_the_file_not_only_the_first(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("id,it\n" + "".join(f"{at},{at}\n" for at in range(3_000)) + "3000,n/a\n", "utf-8")
    assert look(file) == Seen((Column("id", "id", "int"), Column("it", "it")), ("id",), 3_001, whole=True)


def test_what_was_not_read_may_be_anything_so_the_columns_of_a_longer_file_are_text(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("note,nr\n1,1\n1,2\n1,3\n", "utf-8")
    types = (Column("note", "note", "int"), Column("nr", "nr", "int"))
    assert look(file, limit=3) == Seen(types, ("nr",), 3, whole=True)
    assert look(file, limit=2) == Seen((Column("note", "note"), Column("nr", "nr")), ("nr",), 2, whole=False)


def test_a_key_has_no_double_in_the_rest_of_the_file_either(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("code,name\n" + "".join(f"{at},n{at}\n" for at in range(2_000)) + "0,last\n", "utf-8")
    assert look(file).key == ("name",)


def test_a_long_file_takes_hardly_more_memory_than_a_short_one(tmp_path: Path) -> None:
    peaks = []
    for records in (5_000, 50_000):
        file = tmp_path / f"{records}.csv"
        file.write_text("it,note\n" + "".join(f"{at % 7},{'x' * 200}\n" for at in range(records)), "utf-8")
        tracemalloc.start()
        try:
            look(file)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 2


def test_columns_that_every_table_has_are_called_otherwise() -> None:
    sources = ["xmin", "XMAX", "cmin", "cmax", "ctid", "tableoid", "xmin_"]
    assert database_names(sources) == ["xmin_", "xmax_", "cmin_", "cmax_", "ctid_", "tableoid_", "xmin__2"]


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30).filter(
    lambda text: text.strip()
)


@settings(deadline=None, max_examples=60)
@given(sources=st.lists(NAMES, min_size=1, max_size=5, unique=True), kind=st.sampled_from(list(KINDS)), data=st.data())
def test_a_job_over_columns_of_any_name_is_right(sources: list[str], kind: str, data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(list(SQL_TYPES)), min_size=len(sources), max_size=len(sources)))
    names = database_names(sources)
    columns = tuple(Column(source, name, each) for source, name, each in zip(sources, names, types, strict=True))
    function = Target("file", "f.py:handler") if KINDS[kind].uses_function else None
    files = job_files(Answers(KINDS[kind], "j", columns, (names[0],), "t", function=function))
    job, findings = parse_job(files["statemachines/j/job.yaml"].encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert (findings, job is not None) == ([], True)


def test_words_that_sql_reserves_are_quoted_and_an_id_of_the_records_is_the_tables_own() -> None:
    assert [quoted(name) for name in ("code", "order", "Code", "public.user")] == ["code", '"order"', '"Code"', 'public."user"']
    columns = (Column("id", "id", "int"), Column("order", "order"))
    text = schema("t", columns, ("id",), ["status"], "j")
    assert split_statements(text.partition("\n\n")[2]) == [
        'CREATE TABLE IF NOT EXISTS t (\n  id bigint NOT NULL,\n  "order" text,\n  status text,\n  PRIMARY KEY (id)\n)'
    ]


@pytest.mark.parametrize(
    ("table", "first"),
    [
        ("t", []),
        ("public.t", []),
        ("a.t", ["CREATE SCHEMA IF NOT EXISTS a"]),
        ("Order.t", ['CREATE SCHEMA IF NOT EXISTS "Order"']),
    ],
)
def test_the_tables_schema_is_made_first_where_it_is_not_there_anyway(table: str, first: list[str]) -> None:
    made = split_statements(schema(table, (Column("id", "id"),), ("id",), (), "j").partition("\n\n")[2])
    assert made[:-1] == first
