"""Names and statements in SQL text, where text, comments and casts are none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.connections import bind_names, quote_identifier, split_statements

OPAQUE = [
    "'a :b; c'",
    "'it''s :b;'",
    '":b;"',
    '"a"":b;"',
    "-- :b; it's\n",
    "/* :b;\n' */",
    "$$ :b; ' $$",
    "$fn$ :b; $$ ; $fn$",
    "x::text",
]
WORDS = st.sampled_from(["SELECT", "a", "1", ",", "(", ")", "=", *OPAQUE])


@pytest.mark.parametrize(
    ("sql", "bound"),
    [
        ("SELECT 1", ("SELECT 1", ())),
        ("SELECT :a, :b, :a", ("SELECT $1, $2, $1", ("a", "b"))),
        ("SELECT :a::int, :b ::text", ("SELECT $1::int, $2 ::text", ("a", "b"))),
        ("SELECT '{:a}', :b", ("SELECT '{:a}', $1", ("b",))),
        ("f(x := :a)", ("f(x := $1)", ("a",))),
        ("SELECT :a_1 -- :b\n, :c", ("SELECT $1 -- :b\n, $2", ("a_1", "c"))),
        ("a[1:2]", ("a[1:2]", ())),
    ],
)
def test_a_name_becomes_its_place(sql, bound):
    assert bind_names(sql) == bound


@pytest.mark.parametrize("text", OPAQUE)
def test_nothing_is_bound_or_parted_inside_text_comments_quotes_and_casts(text):
    assert bind_names(f"SELECT {text} , :z") == (f"SELECT {text} , $1", ("z",))
    assert split_statements(f"SELECT {text} , 1; SELECT 2") == [f"SELECT {text} , 1", "SELECT 2"]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(WORDS, max_size=10))
def test_sql_without_names_stays_as_it_is(words):
    sql = " ".join(words)
    assert bind_names(sql) == (sql, ())


@settings(deadline=None)
@given(st.lists(st.lists(WORDS, max_size=6).map(lambda words: " ".join(["SELECT", *words, "x"])), max_size=5), st.booleans())
def test_a_script_is_parted_into_the_statements_it_was_joined_of(statements, ended):
    assert split_statements(" ;\n".join(statements) + (";" if ended else "")) == statements


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c_1", "Dd"]), max_size=8))
def test_one_name_stands_for_one_place(names):
    sql, order = bind_names(" ".join(f":{name}" for name in names))
    assert order == tuple(dict.fromkeys(names))
    assert [order[int(place[1:]) - 1] for place in sql.split()] == names


@pytest.mark.parametrize("script", ["", " \n", ";;", "-- only a comment; really\n", "/* ; */ ; -- x"])
def test_a_script_of_nothing_has_no_statements(script):
    assert split_statements(script) == []


def test_a_function_body_is_one_statement_and_its_comment_stays_with_it():
    body = "-- adds\nCREATE FUNCTION f() RETURNS int AS $b$ BEGIN RETURN 1; END; $b$ LANGUAGE plpgsql"
    assert split_statements(f"{body};\nSELECT ';';\n") == [body, "SELECT ';'"]


@pytest.mark.parametrize(
    ("name", "quoted"), [("a", '"a"'), ("s.t", '"s"."t"'), ('a"; DROP', '"a""; DROP"'), ("Über x", '"Über x"')]
)
def test_a_name_is_quoted_part_by_part(name, quoted):
    assert quote_identifier(name) == quoted
