"""JSON's own types, and one text for equal values."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.errors import TemplateError
from portl.values import canonical_json, to_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(PLAIN)
def test_plain_json_stays_as_it_is(value):
    assert to_json(value) == value
    assert json.loads(canonical_json(value)) == value


def test_decimals_dates_and_uuids_become_exact_text():
    value = {"a": (Decimal("1.50"), date(2026, 3, 4)), 1: datetime(2026, 3, 4, 5, tzinfo=UTC), "id": UUID(int=1)}
    assert to_json(value) == {
        "a": ["1.50", "2026-03-04"],
        "1": "2026-03-04T05:00:00+00:00",
        "id": "00000000-0000-0000-0000-000000000001",
    }


def test_equal_values_have_one_text():
    assert canonical_json({"b": [1, "é"], "a": None}) == canonical_json({"a": None, "b": (1, "é")}) == '{"a":null,"b":[1,"é"]}'


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("Infinity"),
        b"a",
        {1, 2},
        object(),
        {None: 1},
        {True: 1},
        {b"a": 1},
        "half \ud83d",
        {"\udc00": 1},
    ],
)
def test_what_json_does_not_know_is_refused_wherever_it_stands(value):
    for each in (value, [value], {"a": {"b": value}}):
        with pytest.raises(TemplateError) as raised:
            to_json(each)
        assert raised.value.code == "T106"
