"""What an expression may not do, and how it says so (jobs.md T1, T3)."""

import contextlib
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.errors import MissingReference, TemplateError
from portl.values import compile_value
from portl.values._helpers import HELPERS


class Thing:
    """A Python object that strayed into a scope."""

    secret = "planted"

    def method(self):
        return self.secret


SCOPE = {
    "row": {"code": "a", "name": "b", "n": None, "list": [1]},
    "steps": {"x": None},
    "thing": Thing(),
    "call": lambda: "called",
    "empty": [],
}


def failure(value, scope=SCOPE):
    with pytest.raises(TemplateError) as raised:
        compile_value(value).render(scope)
    return raised.value


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__[1].__subclasses__()",
        "''.__class__",
        "''['__class__']",
        "[].__class__.__base__",
        "().__class__.__bases__[0]",
        "row.__class__",
        "row.__init__.__globals__['os'].popen('id').read()",
        "row.items()",
        "row.code.upper()",
        "row['code']['format']",
        "'{0.__class__}'.format(row)",
        "'%s' % row",
        "row.code.format_map(row)",
        "self",
        "self.__init__",
        "self._TemplateReference__context",
        "cycler.__init__.__globals__.os",
        "joiner()",
        "lipsum.__globals__['os']",
        "namespace()",
        "dict(a=1)",
        "config",
        "request.application",
        "url_for.__globals__",
        "get_flashed_messages.__globals__",
        "range.__globals__",
        "md5",
        "md5.__globals__",
        "call()",
        "call",
        "thing.method()",
        "thing.secret",
        "thing['secret']",
        "row.list.append(1)",
        "row | attr('__class__')",
        "[row] | map(attribute='__class__') | list",
        "[row] | map('attr', '__class__') | first",
        "row | pprint",
        "row | xmlattr",
        "'a' | format",
        "[[1]] | sum(start=[]) | batch(1)",
        "[row] | selectattr('__class__')",
        "[thing] | sort(attribute='secret') | first | string",
        "[thing] | join(attribute='secret')",
        "(row.code | upper).__class__",
        "md5(*row.list)",
        "md5(**row)",
        "md5()",
        "row is callable",
        "_[0]",
        "loop.index",
        "super()",
        "caller()",
        "context",
        "environment",
        "undefined",
        "resolve('row')",
    ],
)
def test_no_attribute_of_python_leaks(expression):
    try:
        value = compile_value("{{ " + expression + " }}").render(SCOPE)
    except TemplateError:
        return
    assert expression == "call"  # a scope's own value may be handed on, never called
    assert value is SCOPE["call"]


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("{% for a in b %}{% endfor %}", 0),
        ("a {% set x = 1 %}", 2),
        ("{{ '{% x %}' }}", 4),
        ("a {# comment #}", 2),
        ("{{- a }}", 2),
        ("{{ a -}}", 5),
    ],
)
def test_statements_comments_and_trimming_are_refused_with_their_place(text, offset):
    problem = failure(text)
    assert (problem.code, problem.offset) == ("T102", offset)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("{{ }}", 3),
        ("ab {{ a b }}", 6),
        ("{{ a. }}", 3),
        ("ab {{ a", 3),
        ("{{ 'a }}", 3),
        ("{{ (a }}", 6),
        ("{{ a ? }}", 5),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", 3),
        ("{{ " + "9" * 5000 + " }}", 3),
        ("{{ default(1, boolean=1, boolean=2) }}", 3),
    ],
)
def test_a_wrong_expression_is_said_with_its_place(text, offset):
    problem = failure(text)
    assert (problem.code, problem.offset) == ("T101", offset)


@pytest.mark.parametrize(
    ("text", "offset", "hint"),
    [
        ("{{ a | uper }}", 7, 'did you mean "upper"?'),
        ("x{{ sha265('a') }}", 4, 'did you mean "sha256"?'),
        ("{{ a is definde }}", 8, 'did you mean "defined"?'),
    ],
)
def test_an_unknown_helper_is_said_with_what_was_meant(text, offset, hint):
    problem = failure(text)
    assert (problem.code, problem.offset, problem.hint) == ("T103", offset, hint)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("{{ a | replace('b') }}", 7, 'replace(text, old, new): missing a required argument: "new"'),
        ("x{{ md5() }}", 4, 'md5(value): missing a required argument: "value"'),
        ("{{ a | length(1) }}", 7, "length(obj): too many positional arguments"),
        ("{{ a | int(b=1) }}", 7, 'int(value): got an unexpected keyword argument "b"'),
        ("{{ a | d(1, true, 2) }}", 7, "d(value, [default_value], [boolean]): too many positional arguments"),
        ("{{ range() }}", 3, 'range(bound, *more): missing a required argument: "bound"'),
        ("{{ coalesce() }}", 3, "coalesce needs a value"),
        ("{{ a is divisibleby }}", 8, 'divisibleby(value, num): missing a required argument: "num"'),
        ("{{ a is defined(1) }}", 8, "defined(value): too many positional arguments"),
    ],
)  # fmt: skip
def test_other_arguments_than_a_helper_or_test_takes_are_said_before_any_record(text, offset, message):
    problem = failure(text)
    assert (problem.code, problem.offset, problem.message) == ("T109", offset, message)


@pytest.mark.parametrize("name", [*HELPERS])
def test_every_helper_can_be_called_with_as_many_arguments_as_it_takes(name):
    parameters = inspect.signature(HELPERS[name]).parameters.values()
    needed = [each for each in parameters if each.default is each.empty and each.kind is not each.VAR_POSITIONAL]
    given = ", ".join("1" for _ in needed[hasattr(HELPERS[name], "jinja_pass_arg") :]) or "1"
    with contextlib.suppress(TemplateError):
        assert compile_value("{{ " + f"{name}({given})" + " }}").helpers == ((name, 3),)


def test_an_unknown_helper_like_no_other_lists_them_all():
    assert "coalesce, concat, count" in failure("{{ zzzzzz(1) }}").hint


def test_the_key_of_a_mapping_is_no_template():
    assert failure({"{{ a }}": 1}).code == "T102"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("row.cod", "`row.cod` is not there; did you mean `code`?"),
        ("rwo.code", "`rwo` is not there in {{ rwo.code }}; did you mean `row`?"),
        ("row.zzz.deep[0]", "`row.zzz` is not there in {{ row.zzz.deep[0] }}; there is code, name, n, list"),
        ("row.list[3]", "`row.list[3]` is not there; `row.list` is a list of 1"),
        ("steps.x[idx].y", "`idx` is not there in {{ steps.x[idx].y }}; there is row, steps, thing, call, empty"),
        ("steps.x.y", "`steps.x.y` is not there; `steps.x` is null"),
        ("row.code.x", "`row.code.x` is not there; `row.code` is no mapping or list"),
        ("row.a | default(row.cod)", "`cod` is not there in {{ row.a | default(row.cod) }}; did you mean `code`?"),
        ("empty | first", "there is no value in {{ empty | first }}; No first item, sequence was empty."),
        ("1 if false", "there is no value in {{ 1 if false }}; the `if` is false and has no `else`"),
    ],
)
def test_a_missing_reference_names_itself_and_its_neighbours(expression, message):
    problem = failure("{{ " + expression + " }}")
    assert (type(problem), problem.code, problem.message) == (MissingReference, "T110", message)


@pytest.mark.parametrize(
    "use",
    [
        "row.x is none",
        "row.x in []",
        "[row.x]",
        "{'a': row.x}",
        "row.x ~ 'a'",
        "not row.x",
        "row.x or 1",
        "row.x == 1",
        "1 if row.x else 2",
        "row.x | md5",
        "row.x | trim",
        "concat(row.x)",
        "range(row.x)",
        "empty[row.x]",
        "row.code[:row.x]",
        "row.x[:1]",
        "round(1.5, places=row.x)",
        "row.x | default(row.y)",
        "default(row.x, row.y) ~ ''",
        "(row.x if true) ~ ''",
        "[empty | first]",
        "-row.x",
    ],
)
def test_a_missing_reference_is_an_error_wherever_it_is_used(use):
    for text in ("{{ " + use + " }}", "text {{ " + use + " }}"):
        assert failure(text).code == "T110"


@given(st.text(alphabet="abcdefgh", min_size=1).filter(lambda name: name != "a"))
def test_a_missing_column_is_never_empty_text(name):
    with pytest.raises(TemplateError) as raised:
        compile_value(f"<{{{{ row['{name}'] }}}}>").render({"row": {"a": 1}})
    assert raised.value.code == "T110"


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 10**9",
        "10**9 * 'a'",
        "[1] * 10**9",
        "9**9**9**9**9",
        "(9**999) * (9**999)",
        "'x' * 1000000 ~ 'x' * 1000000",
        "'x' * 1000000 + 'x' * 1000000",
        "concat('x' * 1000000, 'x' * 1000000)",
        "('x' * 1000) | replace('x', 'y' * 2000)",
        "('x' * 1000000) | replace('', 'y' * 100)",
        "range(10**9)",
        "range(10**30)",
        "range(100000) | join('x' * 1000)",
        "range(50000) + range(50001)",
    ],
)
def test_a_result_that_grows_without_bound_is_stopped(expression):
    problem = failure("{{ " + expression + " }}")
    assert (problem.code, problem.offset) == ("T104", 3)
    assert expression in problem.message


def test_a_text_of_many_expressions_is_stopped_too():
    assert failure("{{ a }}{{ a }}", {"a": "x" * 600_000}).code == "T104"


def test_a_large_cell_may_be_moved_as_it_is():
    cell = "x" * 5_000_000
    assert compile_value("{{ row.payload }}").render({"row": {"payload": cell}}) is cell


def test_json_path_finds_a_bounded_number_of_values():
    assert failure("{{ json_path(x, '$[*,*]') }}", {"x": [0] * 60_000}).code == "T104"


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "1 + 'a'",
        "'a' < 1",
        "row.n + 1",
        "int('1e5')",
        "int('\u0661\u0662')",
        "int(1.5)",
        "int(true)",
        "int('')",
        "int('1_000')",
        "float('nan')",
        "float('Infinity')",
        "float('1e999')",
        "decimal('1e9999')",
        "decimal('NaN')",
        "1e308 * 10",
        "(0 - 8) ** 0.5",
        "round(1, 10**9)",
        "round(1, -(10**9))",
        "date('2026-02-30')",
        "date('2026', '%c')",
        "json_path('{', '$')",
        "json_path('[NaN]', '$')",
        "json_path(row, 'no path')",
        "tojson(thing)",
        "md5(thing)",
        "row[[1]]",
        "5 | length",
        "'%d' % 1",
        "thing[1:]",
    ],
)
def test_any_other_failure_names_the_expression(expression):
    problem = failure("{{ " + expression + " }}")
    assert problem.code in ("T105", "T106")
    assert expression in problem.message


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1j])
def test_a_number_that_json_cannot_hold_is_refused_even_from_the_scope(number):
    assert failure("{{ x }}", {"x": number}).code == "T105"


def test_the_place_of_a_failing_expression_is_known():
    assert failure("a {{ 1 }} {{ row.n + 1 }}").offset == 13


@given(st.text(alphabet="abc.()[]{}|'\"%-+*~ ,:=0123456789_", max_size=40))
def test_whatever_is_written_between_the_braces_ends_in_a_value_or_a_template_error(text):
    with contextlib.suppress(TemplateError):
        compile_value("{{ " + text + " }}").render({"a": 1, "b": [1], "c": {"a": "b"}})


def test_a_text_in_a_sum_is_told_with_the_cure():
    problem = failure("{{ row.amount + 1 }}", {"row": {"amount": "12.50"}})
    assert (problem.code, "decimal(row.amount) + 1" in problem.hint) == ("T105", True)
    assert failure("{{ 1 / row.amount }}", {"row": {"amount": 0}}).hint != problem.hint
