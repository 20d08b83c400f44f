import json
import re

from hypothesis import given
from hypothesis import strategies as st

from portl.jobs import decode_spec, encode_spec

TEXT = st.one_of(
    st.text(), st.lists(st.sampled_from(["$", "{", "%", "}", "${", "{%", "%}", "\n", "$text", "$lines", "a"])).map("".join)
)
SPECS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=20,
)


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)


@given(SPECS)
def test_what_is_encoded_is_read_back_as_it_was(value):
    assert decode_spec(json.loads(json.dumps(encode_spec(value)))) == value


@given(SPECS)
def test_no_encoded_text_is_taken_for_a_substitution_or_for_jsonata(value):
    encoded = encode_spec(value)
    assert "${" not in json.dumps(encoded, ensure_ascii=False)
    assert [text for text in texts(encoded) if re.search(r"\A\s*\{%|%\}\s*\Z", text)] == []
