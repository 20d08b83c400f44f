import time
from functools import cache

import pytest

from portl.jobs._yaml import Spot, YamlProblem, read_yaml


def problem(text):
    with pytest.raises(YamlProblem) as caught:
        read_yaml(text)
    return caught.value.line, caught.value.column, str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("NO", "NO"),
        ("12:30", "12:30"), ("190:20:30", "190:20:30"), ("1_000", "1_000"), ("0b101", "0b101"),
        ("2024-01-31", "2024-01-31"), ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"), ("=", "="),
        ("true", True), ("False", False), ("TRUE", True), ("tRUE", "tRUE"),
        ("null", None), ("~", None), ("", None), ("NULL", None), ("nULL", "nULL"),
        ("7", 7), ("-7", -7), ("+7", 7), ("007", 7), ("0o17", 15), ("0x1F", 31), ("0o8", "0o8"),
        ("1.5", 1.5), ("-.5", -0.5), ("1e5", 1e5), ("1.", 1.0), ("+1.5E-3", 0.0015), (".", "."), ("1.2.3", "1.2.3"),
        ('"7"', "7"), ("'true'", "true"), ('"a\\nb"', "a\nb"), ("'it''s'", "it's"),
    ],
)  # fmt: skip
def test_values_are_read_as_the_core_schema_of_yaml_1_2_has_them(written, meant):
    value = read_yaml(f"a: {written}").value["a"]
    assert (value, type(value)) == (meant, type(meant))


def test_keys_are_text_whatever_they_look_like():
    assert read_yaml("on: 1\n12: 2\nnull: 3\ntrue: 4").value == {"on": 1, "12": 2, "null": 3, "true": 4}


def test_block_text_keeps_its_line_ends_as_told():
    assert read_yaml("a: |\n  x\n  y\nb: >-\n  x\n  y\n").value == {"a": "x\ny\n", "b": "x y"}


def test_an_empty_file_is_null():
    assert read_yaml("").value is None
    assert read_yaml("# only a comment\n").value is None


def test_values_and_keys_keep_their_places():
    document = read_yaml('a: 1\nb:\n  - "x"\n  - {c: y}\n')
    assert document.value == {"a": 1, "b": ["x", {"c": "y"}]}
    assert document.values[("b", 0)] == Spot(3, 6, plain=True)
    assert document.values[("b", 1, "c")] == Spot(4, 9, plain=True)
    assert document.keys[("b", 1, "c")] == Spot(4, 6)
    assert document.spot(("b", 1, "c"), key=True) == Spot(4, 6)
    assert document.spot(("b", 1, "d")) == document.spot(("b", 1)) == Spot(4, 5)


def test_an_anchor_gives_its_value_and_the_place_where_it_is_written():
    document = read_yaml("a: &x {n: 1}\nb: *x\n")
    assert document.value == {"a": {"n": 1}, "b": {"n": 1}}
    assert document.values[("b", "n")].line == 1


def test_a_merge_fills_what_is_not_written_and_the_first_of_several_wins():
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n"
    assert read_yaml(text).value["z"] == {"a": 0, "b": 1, "c": 2}


def test_a_merge_behind_the_key_it_would_fill_changes_nothing():
    assert read_yaml("x: &x {a: 1}\nz:\n  a: 0\n  <<: *x\n").value["z"] == {"a": 0}


def test_a_key_beside_a_merge_keeps_the_place_where_it_is_written():
    document = read_yaml("x: &x {a: 1}\nz:\n  a: 0\n  <<: *x\n")
    assert document.values[("z", "a")] == Spot(3, 6)


def test_a_quoted_merge_mark_is_a_key():
    assert read_yaml('a: {"<<": 1}').value == {"a": {"<<": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: !!python/object:os.system {}", (1, 4, None)),
        ("a: !!binary aGk=", (1, 4, "the tag tag:yaml.org,2002:binary is not used in a job")),
        ("a: !x 1", (1, 4, "the tag !x is not used in a job")),
        ("a: !x {b: 1}", (1, 4, "the tag !x is not used in a job")),
        ("a: !x [1]", (1, 4, "the tag !x is not used in a job")),
        ("a: !!set {b}", (1, 4, "the tag tag:yaml.org,2002:set is not used in a job")),
        ("a: !!int x", (1, 4, "x is no int that can be used")),
        ("? [a]\n: 1\n", (1, 3, "a key must be text")),
        ("a: &x [*x]", (1, 4, "an anchor contains itself")),
        ("<<: 1", (1, 5, "<< takes a mapping")),
        ("a: [1, 2", (1, 9, None)),
        ("a:\n\t- 1\n", (2, 1, None)),
        ("a: 1\n b: 2\n", (2, 3, None)),
        ("a: *x\n", (1, 4, "found undefined alias 'x'")),
        ("a: 1\n---\nb: 2\n", (2, 1, None)),
        ("a: \x07\n", (1, 4, None)),
        ("a: 1e999", (1, 4, "1e999 is no float that can be used")),
        ("a: " + "9" * 5000, (1, 4, None)),
    ],
)
def test_what_a_job_cannot_use_is_refused_at_its_place(text, expected):
    line, column, message = problem(text)
    assert (line, column) == expected[:2]
    assert expected[2] is None or message == expected[2]
    assert message


def refused_in(text):
    """Seconds of the process until a text of too many values is refused."""
    begun = time.process_time()
    assert "100,000" in problem(text)[2]
    return time.process_time() - begun


@cache
def in_full():
    """The same of as many values as are refused, written out."""
    return refused_in("[" + "x, " * 100_001 + "]")


def test_an_alias_bomb_is_refused_quickly():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert refused_in("\n".join(levels)) < 5 * in_full()


def test_a_merge_bomb_is_refused_quickly():
    levels = ["a0: &a0 {k: v}"]
    levels += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    assert refused_in("\n".join(levels)) < 5 * in_full()


def test_a_file_nested_too_deeply_is_refused():
    assert "nested too deeply" in problem("[" * 1000 + "]" * 1000)[2]
    assert problem("[" * 202 + "]" * 202) == (1, 202, "the text is nested too deeply")
    assert read_yaml("[" * 201 + "]" * 201).value


@pytest.mark.parametrize(
    ("written", "plain"),
    [("x", True), ("'x'", True), ('"x"', True), ('"\\x41"', False), ("'it''s'", False), ("|\n  x\n", False), ("&n x", False)],
)
def test_a_text_that_does_not_stand_letter_for_letter_is_marked(written, plain):
    assert read_yaml(f"a: {written}").values[("a",)].plain is plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a: 1\nb: 2\na: 3\n", (3, 1, "a", {"a": 1, "b": 2})), ("a: {b: 1, b: 2}", (1, 11, "b", {"a": {"b": 1}}))],
)
def test_a_key_that_stands_twice_is_told_and_the_first_one_counts(text, expected):
    document = read_yaml(text)
    (twice,) = document.problems
    line, column, key, value = expected
    assert (twice.line, twice.column, str(twice), document.value) == (line, column, f'the key "{key}" stands twice', value)


YAML_1_1_BREAKS = pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"], ids=["NEL", "LS", "PS"])
WRITTEN = {"plain": "a{}b", "double": '"a{}b"', "single": "'a{}b'", "block": "|-\n  a{}b"}


@YAML_1_1_BREAKS
@pytest.mark.parametrize("style", WRITTEN)
def test_what_breaks_a_line_in_yaml_1_1_alone_is_a_character_as_others_are(character, style):
    document = read_yaml(f"x: {WRITTEN[style].format(character)}")
    assert document.value == {"x": f"a{character}b"}


@YAML_1_1_BREAKS
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_lines_are_counted_as_an_editor_does(character, ending):
    lines = [f"# {character}", f'x: "a{character}b"', f"y{character}: |", f"  a{character} b", "  c ${d}", "z: 1"]
    document = read_yaml(ending.join(lines))
    assert document.value == {"x": f"a{character}b", f"y{character}": f"a{character} b\nc ${{d}}\n", "z": 1}
    assert (document.place(("z",), key=True), document.place(("z",))) == ((6, 1), (6, 4))
    assert document.place((f"y{character}",), offset=7) == (5, 5)


@YAML_1_1_BREAKS
@pytest.mark.parametrize(("rest", "place"), [("x: 1\nx: 2", (3, 1)), ("x: [", (2, 5)), ("x: \x00", (2, 4))])
def test_what_is_wrong_after_such_a_character_is_told_at_its_place(character, rest, place):
    with_one = f"# a{character}b\n{rest}"
    try:
        found = read_yaml(with_one).problems[0]
    except YamlProblem as raised:
        found = raised
    assert (found.line, found.column) == place


def test_characters_for_private_use_are_read_as_they_are_beside_such_a_character():
    private = "".join(map(chr, range(0xE000, 0xE010)))
    assert read_yaml(f"x: {private}\u2028").value == {"x": f"{private}\u2028"}
