"""What an expression is known to read before anything runs (jobs.md J5, T3)."""

import pytest

from portl.values import Reference, compile_value


def read(value):
    return [(each.path, each.offset) for each in compile_value(value).references]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ row.code }}", [(("row", "code"), 3)]),
        ("{{ row.code | upper }}", [(("row", "code"), 3)]),
        ("{{ row['a b'].c[0][-1] }}", [(("row", "a b", "c", 0, -1), 3)]),
        ("{{ steps.enrich[idx].md5 }}", [(("steps", "enrich", None, "md5"), 3), (("idx",), 16)]),
        ("{{ a[b[c].d] }}", [(("a", None), 3), (("b", None, "d"), 5), (("c",), 7)]),
        ("{{ row.code[1:idx] }}", [(("row", "code"), 3), (("idx",), 14)]),
        ("{{ row }} {{ row.row }} {{ row.x }}", [(("row",), 3), (("row", "row"), 13), (("row", "x"), 27)]),
        ("{{ a if b else a.c }}", [(("a",), 3), (("b",), 8), (("a", "c"), 15)]),
        ("{{ 'row' ~ row.x }}", [(("row", "x"), 11)]),
        ("{{ default(row.x, boolean=flag) }}", [(("row", "x"), 11), (("flag",), 26)]),
        ("{{ {'k': row.x, 'l': [y]} }}", [(("row", "x"), 9), (("y",), 22)]),
        ("a\r\nb {{ row.x }}", [(("row", "x"), 8)]),
        ("{{ json_path(row.p, '$').a }}", [(("row", "p"), 13)]),
        ("{{ md5.x | md5 }}", [(("md5", "x"), 3)]),
        ("{{ now }}", [(("now",), 3)]),
        ("{{ 1 + 1 }}", []),
        ("plain", []),
    ],
)
def test_every_longest_chain_from_a_name_is_reported_with_its_place(text, found):
    assert read(text) == found


def test_a_tree_reports_the_references_of_all_its_strings():
    compiled = compile_value({"a": ["{{ x }}"], "b": "{{ y.z | md5 }}", "c": 1})
    assert compiled.references == (Reference(("x",), 3), Reference(("y", "z"), 3))
    assert compiled.helpers == (("md5", 9),)
    assert not compiled.constant


def test_helpers_are_reported_with_their_places():
    compiled = compile_value("{{ upper(row.upper) | md5 }} {{ coalesce(a) }}")
    assert compiled.helpers == (("upper", 3), ("md5", 22), ("coalesce", 32))


@pytest.mark.parametrize(("value", "constant"), [("a", True), ("{{ 1 }}", True), (5, True), ("{{ a }}", False)])
def test_a_value_is_constant_when_every_scope_gives_the_same(value, constant):
    assert compile_value(value).constant is constant
