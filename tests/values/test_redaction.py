"""A secret's value never appears in what is written down (jobs.md R6)."""

import base64
import html
import json
from threading import Thread
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portl.values import REDACTOR, Redactor, shortened

SECRET = 'p"ä/ss <w&rd>\\+1'


def redactor(*secrets):
    made = Redactor()
    for secret in secrets:
        made.add(secret)
    return made


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps({"a": SECRET}))[11:-4],
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        urlencode({"": SECRET})[1:],
        html.escape(SECRET),
        repr(SECRET)[1:-1],
        quote("ä secret").lower(),
    ],
)
def test_a_secret_is_masked_in_every_form_it_is_written_in(written):
    assert redactor(SECRET, "ä secret").text(f"before {written} after") == "before *** after"


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "someone"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_inside_base64_whoever_stands_before_it(user, encode):
    secret = "s3cret>>>???value"
    header = encode(f"{user}:{secret}:more".encode()).decode()
    masked = redactor(secret).text(f"Basic {header}")
    assert "***" in masked
    left = masked.removeprefix("Basic ").split("***")
    assert sum(map(len, left)) <= len(header) - len(secret)


def test_a_tree_is_masked_in_its_values_its_keys_and_its_numbers():
    tree = {"a": ["x hunter2 y", 1, None, True], "hunter2": {"b": 44_1234_55}, "c": 1.5}
    assert redactor("hunter2", "44123455").tree(tree) == {"a": ["x *** y", 1, None, True], "***": {"b": "***"}, "c": 1.5}


def test_a_number_that_is_no_secret_stays_a_number():
    assert redactor("123").tree([12, 1234, True]) == [12, "***", True]


def test_longer_secrets_come_first_and_overlapping_ones_leave_nothing():
    made = redactor("abc", "abcdef", "efgh", "xyx")
    assert made.text("-abcdef-abc-abcdefgh-xyxyx-") == "-***-***-***-***-"


def test_of_a_secret_of_several_lines_each_long_line_is_masked():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n-----END KEY-----\n"
    assert redactor(key).text("line MIIEvQIBADANBgkqhkiG, short") == "line ***, short"
    assert redactor(key).text(json.dumps({"k": key})) == '{"k": "***"}'


def test_a_very_short_secret_is_masked_only_where_it_is_the_whole_text():
    assert redactor("a", "").tree(["a", "banana", ""]) == ["***", "banana", ""]


def test_without_secrets_everything_is_handed_back_as_it_is():
    tree = {"a": ["b"]}
    assert Redactor().tree(tree) is tree
    assert Redactor().text("abc") == "abc"


@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="*"), min_size=3), min_size=1, max_size=4),
    st.data(),
)
def test_after_masking_no_secret_is_left_in_any_text(secrets, data):
    parts = data.draw(st.lists(st.sampled_from(secrets) | st.text(max_size=5), max_size=8))
    masked = redactor(*secrets).text("".join(parts))
    assert not [secret for secret in secrets if secret in masked]


def test_threads_add_and_mask_at_once():
    made = Redactor()
    threads = [Thread(target=made.add, args=(f"secret-{number}-end",)) for number in range(50)]
    for thread in threads:
        thread.start()
    made.text("secret-0-end " * 100)
    for thread in threads:
        thread.join()
    assert made.tree([f"secret-{number}-end" for number in range(50)]) == ["***"] * 50


def test_a_text_is_masked_before_it_is_cut_so_that_no_half_of_a_secret_stays():
    REDACTOR.add("planted-half-secret")
    assert shortened("a" * 15 + "planted-half-secret", 20) == "a" * 15 + "***"
    assert shortened("b" * 30, 20) == "b" * 20 + "…"
