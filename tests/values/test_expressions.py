"""What an expression is worth (jobs.md T1, T2)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.errors import PortlError, StoreError
from portl.values import compile_value

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Results:
    """What a run shows as ``steps``: parts that are loaded when they are named."""

    def __init__(self, parts):
        self._parts = parts

    def read(self, name):
        return self._parts[name]


def render(value, **scope):
    return compile_value(value).render(scope)


@pytest.mark.parametrize("text", ["123", "1e5", "None", "True", "[1]", "0x10", "'a'", " 5 ", "", "{{ x }}"])
def test_a_value_that_is_exactly_one_expression_keeps_text_that_looks_like_something_else(text):
    assert render("{{ row.cell }}", row={"cell": text}) == text


@given(JSON)
def test_a_value_that_is_exactly_one_expression_is_the_very_value(value):
    assert render("{{ row.cell }}", row={"cell": value}) is value
    assert render("  {{ row['cell'] }}\n", row={"cell": value}) is value


@given(st.text().filter(lambda text: not any(mark in text for mark in ("{{", "{%", "{#"))))
def test_text_without_an_expression_stays_as_it_is(text):
    assert render(text) == text
    assert compile_value(text).constant


@given(st.text().filter(lambda text: not any(mark in text + "{" for mark in ("{{", "{%", "{#"))))
def test_text_around_an_expression_stays_as_it_is_with_every_kind_of_line_end(text):
    assert render(f"x{text}\r\n\r{{{{ a }}}}{text}x", a=1) == f"x{text}\r\n\r1{text}x"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<>"),
        (True, "<true>"),
        (False, "<false>"),
        (1.5, "<1.5>"),
        (Decimal("1.50"), "<1.50>"),
        ([1, None, True], "<[1,null,true]>"),
        ({"b": "é", "a": 1}, '<{"a":1,"b":"é"}>'),
        (date(2026, 3, 4), "<2026-03-04>"),
        (NOW, "<2026-03-04T05:06:07+00:00>"),
    ],
)
def test_inside_text_values_are_written_as_json_and_iso_write_them(value, text):
    assert render("<{{ x }}>", x=value) == text


def test_a_tree_keeps_its_shape_and_its_other_values():
    tree = {"a": ["{{ n }}", 2, None, True], "b": {"c": "n={{ n }}"}, "d": 1.5}
    assert render(tree, n=1) == {"a": [1, 2, None, True], "b": {"c": "n=1"}, "d": 1.5}


def test_a_rendered_tree_is_new_every_time():
    compiled = compile_value({"a": ["b"]})
    compiled.render({})["a"].append("c")
    assert compiled.render({}) == {"a": ["b"]}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("row.items", "a column"),
        ("row.keys", "another"),
        ("row['a b']", 7),
        ("list[0]", "x"),
        ("list[-1]", "z"),
        ("list[idx]", "y"),
        ("list.0", "x"),
        ("list[1:]", ["y", "z"]),
        ("row.items[:3]", "a c"),
        ("row.items[2:][:3]", "col"),
        ("steps.enrich[idx].md5", "b"),
        ("{'a': {'b': 1}}['a']['b']", 1),
        ("'}}'", "}}"),
        ("[1, 2][0]", 1),
        ("-idx", -1),
        ("1 if idx == 1 else 2", 1),
        ("idx in [1, 2] and not false", True),
        ("7 // 2 + 7 % 2 ** 3", 10),
        ("true ~ none ~ 1", "true1"),
        ("result", "mine"),
    ],
)
def test_expressions_read_keys_places_and_results(expression, value):
    scope = {
        "row": {"items": "a column", "keys": "another", "a b": 7},
        "list": ["x", "y", "z"],
        "idx": 1,
        "steps": Results({"enrich": Results([{"md5": "a"}, {"md5": "b"}])}),
        "result": "mine",
    }
    assert render("{{ " + expression + " }}", **scope) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a' | md5", "0cc175b9c0f1b6a831c399e269772661"),
        ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
        ("md5({'b': 1, 'a': [1.5]}) == md5('{\"a\":[1.5],\"b\":1}')", True),
        ("sha256('é')", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
        ("{'b': none, 'a': 'é'} | tojson", '{"a":"é","b":null}'),
        ('json_path(\'{"a": [{"b": 1}, {"b": 2}]}\', \'$.a[*].b\')', [1, 2]),
        ("tree | json_path('$.a[?@.b > 1].b') | first", 2),
        ("coalesce(nope, none, tree.nope.deeper, 0, 1)", 0),
        ("coalesce(none)", None),
        ("nope | default('d')", "d"),
        ("tree.nope.deeper[3] | default('d')", "d"),
        ("(nope if true else 1) | default('d')", "d"),
        ("('a' if false) | default('d')", "d"),
        ("[] | first | default('d')", "d"),
        ("nope is defined", False),
        ("nope.deeper is undefined", True),
        ("none is none", True),
        ("range(3)", [0, 1, 2]),
        ("range(4, 0, -2)", [4, 2]),
        ("'12' | int + 1", 13),
        ("int(3.0)", 3),
        ("float('1e3')", 1000.0),
        ("decimal('1.005', 2)", Decimal("1.01")),
        ("decimal(0.1)", Decimal("0.1")),
        ("round(2.567, 1)", 2.6),
        ("decimal('2.5') | round", Decimal(3)),
        ("date('2026-03-04')", date(2026, 3, 4)),
        ("'04.03.2026' | date('%d.%m.%Y')", date(2026, 3, 4)),
        ("now | date", date(2026, 3, 4)),
        ("now | date('%d.%m.%Y %H:%M')", "04.03.2026 05:06"),
        ("'Ab' | lower ~ upper('Ab')", "abAB"),
        ("concat('a', 1, none, true, [1])", "a1true[1]"),
        ("' a ' | trim", "a"),
        ("none | trim", ""),
        ("'xxaxx' | trim('x')", "a"),
        ("'a-b-c' | replace('-', '')", "abc"),
        ("[1, 2] | length", 2),
        ("[1, none, true] | join(', ')", "1, , true"),
        ("[3, 1, 2] | sort | last", 3),
        ("['a', 'b', 'a'] | unique", ["a", "b"]),
        ("-3 | abs", 3),
        ("row | default(nope)", "row"),
    ],
)
def test_helpers_are_filters_and_functions(expression, value):
    found = render("{{ " + expression + " }}", row="row", now=NOW, tree={"a": [{"b": 1}, {"b": 2}]})
    assert (found, type(found)) == (value, type(value))


def test_a_caller_gives_functions_of_its_own():
    compiled = compile_value("{{ checksum(params.path) }}", functions={"checksum": lambda path: f"sum of {path}"})
    assert compiled.render({"params": {"path": "a.csv"}}) == "sum of a.csv"
    assert compiled.helpers == (("checksum", 3),)


def test_an_error_of_portl_in_such_a_function_passes_through():
    def checksum(path):
        raise StoreError(f"{path} is not there", code="F101")

    with pytest.raises(PortlError) as raised:
        compile_value("{{ checksum('a.csv') }}", functions={"checksum": checksum}).render({})
    assert (type(raised.value), raised.value.code) == (StoreError, "F101")


def test_nothing_that_a_scope_holds_takes_the_place_of_a_helper():
    assert render("{{ md5('a') ~ date }}", md5=lambda _: "mine", date="x") == "0cc175b9c0f1b6a831c399e269772661x"
