"""A finding inside an expression stands at its very character, however YAML writes the text."""

import pytest

HEAD = """\
version: 2
job: places
connections: {api: {type: http, base_url: "${env:API}"}}
steps:
  - id: call
    type: api.call
    path: /x
    json:
"""

WRITTEN = {
    "plain": "      a: in {{ nope }} it\n",
    "double quotes": '      a: "in {{ nope }} it"\n',
    "single quotes": "      a: 'in {{ nope }} it'\n",
    "escapes before it": '      a: "\\"in\\"\\t\\u00e9 {{ nope }}"\n',
    "a quote written twice": "      a: 'it''s {{ nope }}'\n",
    "a literal block": "      a: |\n        one\n\n        two {{ nope }}\n",
    "a folded block": "      a: >-\n        one\n        two\n\n\n        three {{ nope }}\n",
    "a block with an indent of its own": "      a: |2\n          one\n         two {{ nope }}\n",
    "several lines in quotes": '      a: "one\n        two\n\n        three {{ nope }}"\n',
    "a line taken on by a backslash": '      a: "one \\\n        two {{ nope }}"\n',
    "several plain lines": "      a: one\n        two {{ nope }}\n",
    "an anchor": "      a: &x one {{ nope }}\n      b: *x\n",
    "an anchor before a block": "      a: &x |\n        one {{ nope }}\n",
    "several expressions": "      a: |\n        {{ run.id }} {{ run.id }}\n        {{ run.id }} {{ nope }}\n",
    "the same word outside an expression": '      a: "nope \\\\ {{ nope }}"\n',
    "in a list in a flow": '      a: [x, {b: "{{ nope }}"}]\n',
}


def place(text, pointed):
    before = text[: text.rindex(pointed)].split("\n")
    return f"{len(before)}:{len(before[-1]) + 1} J206"


@pytest.mark.parametrize("how", WRITTEN)
def test_an_unknown_name_is_told_where_it_stands(how, places):
    text = HEAD + WRITTEN[how]
    assert places(text) == [place(text, "nope }}")]


def test_windows_line_ends_change_no_place(places):
    text = HEAD + WRITTEN["a literal block"]
    assert places(text.replace("\n", "\r\n").encode()) == [place(text, "nope }}")]


def test_two_findings_of_one_text_stand_apart(places):
    text = HEAD + "      a: |\n        {{ nope }} and\n        {{ none_such }}\n"
    assert places(text) == [place(text, "nope }}"), place(text, "none_such")]


def test_what_cannot_be_compiled_is_told_where_it_breaks(places):
    text = HEAD + "      a: >\n        one\n        two {{ run.id | }}\n"
    assert places(text) == [place(text, "}}").replace("J206", "J101")] or places(text) == [
        place(text, "run.id |").replace("J206", "J101")
    ]


def test_a_helper_is_told_where_it_stands(places):
    text = HEAD + "      a: |\n        one {{ run.id | lower | uper }}\n"
    assert places(text) == [place(text, "uper").replace("J206", "J102")]
