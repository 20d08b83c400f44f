"""The mapping of records to columns (jobs.md T4)."""

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.errors import MappingError, MissingReference, StepError, TemplateError
from portl.values import Reference, compile_mapping

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ID = UUID("12345678-1234-5678-1234-567812345678")


def mapped(spec, value):
    row = compile_mapping({"col": {"from": "{{ row.x }}", **spec}}).apply({"row": {"x": value}, "now": NOW})
    return None if row is None else row["col"]


def failure(spec, value):
    with pytest.raises(StepError) as raised:
        mapped(spec, value)
    assert raised.value.place.column == "col"
    return raised.value


def exactly(found, wanted):
    assert (found, type(found)) == (wanted, type(wanted))


GOOD = [
    ("text", "", ""),
    ("text", " a ", " a "),
    ("text", 5, "5"),
    ("text", True, "true"),
    ("text", Decimal("1.50"), "1.50"),
    ("text", NOW, "2026-03-04T05:06:07+00:00"),
    ("text", {"a": [1]}, '{"a":[1]}'),
    ("int", "12", 12),
    ("int", " -12 ", -12),
    ("int", "+0012", 12),
    ("int", 12.0, 12),
    ("int", Decimal("12.0"), 12),
    ("int", "9" * 40, int("9" * 40)),
    ("float", "1e5", 100000.0),
    ("float", ".5", 0.5),
    ("float", 1, 1.0),
    ("decimal", "1.10", Decimal("1.10")),
    ("decimal", "0.1000000000000000000000000000000000001", Decimal("0.1000000000000000000000000000000000001")),
    ("decimal", 0.1, Decimal("0.1")),
    ("bool", "Yes", True),
    ("bool", "ON", True),
    ("bool", "1", True),
    ("bool", 1, True),
    ("bool", "false", False),
    ("bool", " no ", False),
    ("bool", 0, False),
    ("date", "2026-03-04", date(2026, 3, 4)),
    ("date", "2026-03-04T00:00:00Z", date(2026, 3, 4)),
    ("date", date(2026, 3, 4), date(2026, 3, 4)),
    ("datetime", "2026-03-04T05:06:07Z", NOW),
    ("datetime", "2026-03-04 05:06:07", NOW),
    ("datetime", "2026-03-04T05:06:07+02:00", NOW.replace(tzinfo=timezone(timedelta(hours=2)))),
    ("datetime", "2026-03-04", datetime(2026, 3, 4, tzinfo=UTC)),
    ("datetime", date(2026, 3, 4), datetime(2026, 3, 4, tzinfo=UTC)),
    ("datetime", datetime(2026, 3, 4), datetime(2026, 3, 4, tzinfo=UTC)),  # noqa: DTZ001 - naive on purpose
    ("uuid", "12345678-1234-5678-1234-567812345678", ID),
    ("uuid", "12345678123456781234567812345678", ID),
    ("uuid", ID, ID),
    ("json", '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
    ("json", '"a"', "a"),
    ("json", {"a": Decimal("1.5")}, {"a": "1.5"}),
]
BAD = [
    ("int", "1e5"),
    ("int", "1.0"),
    ("int", "\u0661\u0662"),
    ("int", "1_000"),
    ("int", "0x10"),
    ("int", 1.5),
    ("int", True),
    ("int", [1]),
    ("int", "9" * 5000),
    ("float", "nan"),
    ("float", "Infinity"),
    ("float", "1e999"),
    ("float", "1,5"),
    ("float", "\u0661.\u0665"),
    ("decimal", "NaN"),
    ("decimal", "1e99999"),
    ("decimal", Decimal("Infinity")),
    ("decimal", False),
    ("bool", "maybe"),
    ("bool", 2),
    ("bool", 1.0),
    ("bool", []),
    ("date", "2026-02-30"),
    ("date", "04.03.2026"),
    ("date", "2026-03-04T05:06:07"),
    ("date", "\u0662\u0660\u0662\u0666-03-04"),
    ("date", 20260304),
    ("date", NOW),
    ("datetime", "yesterday"),
    ("datetime", 1_700_000_000),
    ("datetime", "2026-03-04T25:00:00"),
    ("uuid", "1234"),
    ("uuid", "{12345678-1234-5678-1234-567812345678}"),
    ("uuid", "12345678-12345678-1234-567812345678"),
    ("uuid", 5),
    ("json", "{'a': 1}"),
    ("json", "[NaN]"),
    ("json", "1e999"),
    ("json", "[" * 5000),
    ("json", {"a": float("nan")}),
    ("json", b"bytes"),
    ("text", b"bytes"),
]


@pytest.mark.parametrize(("kind", "value", "wanted"), GOOD)
def test_a_value_becomes_its_type(kind, value, wanted):
    exactly(mapped({"type": kind}, value), wanted)


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_a_value_that_does_not_fit_its_type_is_an_error(kind, value):
    problem = failure({"type": kind}, value)
    assert (type(problem), problem.code) == (MappingError, "M102")
    assert problem.message.startswith(f"col cannot be {kind}: ")
    assert len(problem.message) < 120


@pytest.mark.parametrize("kind", ["int", "float", "decimal", "bool", "date", "datetime", "uuid", "json"])
@pytest.mark.parametrize("empty", ["", "  ", None])
def test_empty_text_is_null_for_every_type_but_text(kind, empty):
    assert mapped({"type": kind}, empty) is None
    assert mapped({"type": "text"}, "") == ""


@given(st.integers())
def test_every_whole_number_comes_back_from_its_text(number):
    exactly(mapped({"type": "int"}, str(number)), number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_every_decimal_comes_back_exactly_from_its_text(number):
    assert str(mapped({"type": "decimal"}, str(number))) == str(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_from_its_text(number):
    exactly(mapped({"type": "float"}, repr(number)), number)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_point_in_time_comes_back_from_its_text(moment):
    exactly(mapped({"type": "datetime"}, moment.isoformat()), moment)


ODD = st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.binary()


@given(st.sampled_from([kind for kind, _ in BAD]), ODD | st.lists(st.none()))
def test_whatever_a_cell_holds_it_fits_or_is_a_mapping_error(kind, value):
    with contextlib.suppress(MappingError):
        mapped({"type": kind}, value)


@pytest.mark.parametrize(
    ("transform", "value", "wanted"),
    [
        ("lower", "ÄB", "äb"),
        ("upper", "äb", "ÄB"),
        ("trim", " a\n", "a"),
        ("parse_date", "2026-03-04", date(2026, 3, 4)),
        ({"parse_date": "%d.%m.%Y"}, " 04.03.2026 ", date(2026, 3, 4)),
        ({"parse_date": "%d.%m.%Y %H:%M:%S"}, "04.03.2026 05:06:07", NOW),
        ({"parse_date": "%d %b %Y"}, "04 Mar 2026", date(2026, 3, 4)),
        ({"parse_date": "%Y-%m-%dT%H:%M:%S%z"}, "2026-03-04T05:06:07+0000", NOW),
        ({"parse_date": "%d.%m.%Y"}, "", None),
        ({"parse_date": "%d.%m.%Y"}, date(2026, 3, 4), date(2026, 3, 4)),
        ("parse_number", "1234.5", Decimal("1234.5")),
        ("parse_number", "", None),
        ("parse_number", 1.5, Decimal("1.5")),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1.234.567,89", Decimal("1234567.89")),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1.234", Decimal(1234)),
        ({"parse_number": {"decimal": ",", "group": "."}}, "-1234,5", Decimal("-1234.5")),
        ({"parse_number": {"decimal": ".", "group": "'"}}, "1'234.50", Decimal("1234.50")),
        ({"parse_number": {"group": "\u202f", "decimal": ","}}, "12\u202f345,6", Decimal("12345.6")),
        ("decimal", "1.10", Decimal("1.10")),
        ({"decimal": 2}, "1.005", Decimal("1.01")),
        ({"decimal": 0}, "-2.5", Decimal(-3)),
        ({"concat": ["-", "{{ row.x }}", 1]}, "a", "a-a1"),
        ({"concat": ["x"]}, None, "x"),
        ({"coalesce": ["{{ row.x }}", "b"]}, None, "b"),
        ({"coalesce": ["b"]}, "", "b"),
        ({"coalesce": ["b"]}, "a", "a"),
        ({"coalesce": ["b"]}, 0, 0),
        ({"replace": ["-", ""]}, "a-b", "ab"),
        ({"substring": [1, 2]}, "abcd", "bc"),
        ({"substring": [2]}, "abcd", "cd"),
        ({"substring": [0, 10]}, 12345, "12345"),
        ("hash_md5", "a", "0cc175b9c0f1b6a831c399e269772661"),
        ("hash_sha256", "a", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("to_int", "12", 12),
        ("to_int", "", None),
        ("to_float", "1e2", 100.0),
        ("to_bool", "off", False),
        ("default_now", None, NOW),
        ("default_now", "", NOW),
        ("default_now", "2026-01-01", "2026-01-01"),
        ({"lookup": {"map": {"A": "active", "1": 1}}}, "A", "active"),
        ({"lookup": {"map": {1: "one", "true": "yes"}}}, True, "yes"),
        ({"lookup": {"map": {"A": "active"}, "default": None}}, "B", None),
    ],
)
def test_a_transform_changes_the_value(transform, value, wanted):
    exactly(mapped({"transforms": [transform]}, value), wanted)


@pytest.mark.parametrize(
    "transform",
    ["lower", "upper", "trim", "parse_date", "parse_number", "decimal", "hash_md5", "hash_sha256", "to_int", "to_float",
     "to_bool", {"replace": ["a", "b"]}, {"substring": [0, 1]}, {"lookup": {"map": {}}}, {"parse_date": "%Y"}],
)  # fmt: skip
def test_null_goes_through_a_transform_unchanged(transform):
    assert mapped({"transforms": [transform]}, None) is None


@pytest.mark.parametrize(
    ("transform", "value"),
    [
        ("parse_date", "04.03.2026"),
        ({"parse_date": "%d.%m.%Y"}, "31.02.2026"),
        ({"parse_date": "%d.%m.%Y"}, "\u0660\u0661.01.2026"),
        ({"parse_date": "%d.%m.%Y"}, 5),
        ("parse_number", "1,234"),
        ("parse_number", "1 234"),
        ("parse_number", "\u0661\u0662"),
        ("parse_number", True),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1234.567"),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1.5"),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1.234.56"),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1,234.5"),
        ({"parse_number": {"decimal": ",", "group": "."}}, "1,"),
        ("decimal", "abc"),
        ("to_int", "1.5"),
        ("to_float", "inf"),
        ("to_bool", "2"),
        ("lower", b"bytes"),
        ({"lookup": {"map": {"A": 1}}}, "B"),
    ],
)
def test_a_value_that_a_transform_cannot_take_is_an_error_that_names_it(transform, value):
    problem = failure({"transforms": [transform]}, value)
    name = transform if isinstance(transform, str) else next(iter(transform))
    assert problem.code == "M103"
    assert problem.message == f"col does not go through {name}: {value!r}"


@pytest.mark.parametrize(
    "transforms",
    [
        ["lowr"],
        [5],
        [{}],
        [{"lower": 1, "upper": 2}],
        [{"lower": 1}],
        ["replace"],
        [{"replace": ["a"]}],
        [{"replace": ["", "b"]}],
        [{"replace": "ab"}],
        [{"substring": [-1, 2]}],
        [{"substring": ["a"]}],
        [{"substring": []}],
        [{"substring": [True, 2]}],
        [{"lookup": {}}],
        [{"lookup": {"map": {}, "otherwise": 1}}],
        [{"lookup": {"map": [1]}}],
        [{"parse_date": "%c"}],
        [{"parse_date": "%Y %"}],
        [{"parse_date": 5}],
        [{"parse_number": {"decimal": ".", "group": "."}}],
        [{"parse_number": {"decimal": "1"}}],
        [{"parse_number": {"decimals": ","}}],
        [{"parse_number": "de"}],
        [{"decimal": "2"}],
        [{"decimal": 10**9}],
        [{"concat": "a"}],
        [{"coalesce": None}],
        [{"default_now": 1}],
    ],
)
def test_a_wrong_transform_is_found_before_anything_runs(transforms):
    with pytest.raises(TemplateError) as raised:
        compile_mapping({"col": {"from": "{{ row.x }}", "transforms": transforms}})
    assert (raised.value.code, raised.value.place.column) == ("T107", "col")
    assert raised.value.hint


@pytest.mark.parametrize(
    "spec",
    [{"from": "a", "tpye": "int"}, {"from": "a", "type": "integer"}, {"from": "a", "on_error": "ignore"},
     {"from": "a", "transforms": "lower"}, {"from": "a", "required": "perhaps"}],
)  # fmt: skip
def test_a_wrong_long_form_is_found_before_anything_runs(spec):
    with pytest.raises(TemplateError) as raised:
        compile_mapping({"col": spec})
    assert raised.value.code == "T107"
    assert raised.value.message.startswith("col: ")


def test_transforms_come_in_order_then_the_type():
    spec = {"transforms": ["trim", {"replace": ["EUR", ""]}, {"parse_number": {"decimal": ",", "group": "."}}], "type": "float"}
    exactly(mapped(spec, " 1.234,5EUR "), 1234.5)


def test_the_default_stands_for_null_and_has_the_type():
    exactly(mapped({"type": "date", "default": "2026-01-01"}, ""), date(2026, 1, 1))
    exactly(mapped({"type": "datetime", "default": "{{ now }}"}, None), NOW)
    exactly(mapped({"type": "int", "default": 5}, "6"), 6)


def test_a_default_that_does_not_fit_the_type_is_an_error():
    assert failure({"type": "int", "default": "many"}, "").code == "M102"


@pytest.mark.parametrize("value", [None, ""])
def test_a_required_column_without_a_value_is_an_error(value):
    assert failure({"required": True}, value).code == "M101"
    assert failure({"required": True, "on_error": "null"}, value).code == "M101"
    assert mapped({"required": True, "default": "d"}, None) == "d"


@pytest.mark.parametrize("value", [0, False, [], "a"])
def test_a_required_column_takes_every_other_value(value):
    exactly(mapped({"required": True}, value), value)


@pytest.mark.parametrize("spec", [{"type": "int"}, {"transforms": ["to_int"]}])
def test_on_error_decides_what_a_value_that_does_not_fit_becomes(spec):
    assert failure({**spec, "on_error": "fail"}, "x").code in ("M102", "M103")
    assert mapped({**spec, "on_error": "null"}, "x") is None
    assert mapped({**spec, "on_error": None}, "x") is None, "null without quotes, as YAML reads it"
    assert compile_mapping({"a": 1, "col": {"from": "x", **spec, "on_error": "skip"}}).apply({}) is None


def test_a_required_column_never_becomes_null_by_on_error():
    assert failure({"type": "int", "required": True, "on_error": "null"}, "x").code == "M101"


def test_skip_leaves_out_a_record_that_lacks_a_required_value():
    assert compile_mapping({"col": {"from": "{{ x }}", "required": True, "on_error": "skip"}}).apply({"x": None}) is None


def test_an_expression_that_fails_is_subject_to_on_error():
    spec = {"from": "{{ 1 / x }}"}
    assert compile_mapping({"c": {**spec, "on_error": "null"}}).apply({"x": 0}) == {"c": None}
    with pytest.raises(TemplateError) as raised:
        compile_mapping({"c": spec}).apply({"x": 0})
    assert (raised.value.code, raised.value.place.column) == ("T105", "c")


@pytest.mark.parametrize("on_error", ["fail", "null", "skip"])
def test_a_missing_reference_is_an_error_whatever_on_error_says(on_error):
    with pytest.raises(MissingReference) as raised:
        compile_mapping({"c": {"from": "{{ row.y }}", "on_error": on_error}}).apply({"row": {}})
    assert raised.value.place.column == "c"


def test_a_column_is_an_expression_a_plain_value_or_a_json_value_of_its_own():
    mapping = compile_mapping({
        "a": "{{ row.x }}", "b": 5, "c": None, "d": {"title": "{{ row.x }}", "type": "book"}, "e": ["{{ row.x }}"],
        "f": {"from": {"type": "text"}},
    })  # fmt: skip
    assert mapping.columns == ("a", "b", "c", "d", "e", "f")
    assert mapping.apply({"row": {"x": 1}}) == {
        "a": 1, "b": 5, "c": None, "d": {"title": 1, "type": "book"}, "e": [1], "f": {"type": "text"},
    }  # fmt: skip


def test_a_mapping_knows_what_each_column_reads():
    mapping = compile_mapping({
        "a": "{{ row.x }}",
        "b": {"from": "{{ y }}", "default": "{{ z }}", "transforms": [{"concat": ["{{ w }}"]}]},
    })  # fmt: skip
    assert mapping.references == (
        ("a", Reference(("row", "x"), 3)),
        ("b", Reference(("y",), 3)),
        ("b", Reference(("z",), 3)),
        ("b", Reference(("w",), 3)),
    )


def test_a_wrong_expression_of_a_mapping_names_the_column():
    with pytest.raises(TemplateError) as raised:
        compile_mapping({"a": 1, "b": {"from": "{{ x y }}"}})
    assert (raised.value.code, raised.value.place.column, raised.value.offset) == ("T101", "b", 3)


def test_an_error_shows_at_most_eighty_characters_of_the_value():
    assert failure({"type": "int"}, "x" * 500).message == "col cannot be int: '" + "x" * 79 + "…"
