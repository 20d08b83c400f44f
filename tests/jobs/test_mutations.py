"""Whatever stands in a job file, the check answers findings or a job; it never breaks."""

import copy
import json
import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portl.jobs import Diagnostic, Job

PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "|", "[", "]", "{", "}", ":", "- ", "\n", "  ", "&each", "*each", "<<: ", '"', "'", "!", "#", "\t",
     "steps.", "idx", "null", "id: ", "type: ", "then:", "\u2028", "\r", "e\u0301", "999999999999", "row.code"]
)  # fmt: skip
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(
        ["", "x", "{{ row.code }}", "{{ steps.read_csv[idx] }}", "{{ (", "db.upsert", "conditional", "${secret:x}"]
    ),
    st.sampled_from(
        [[], {}, [None], [[]], {"a": None}, {"id": 1}, {"type": "conditional"}, {"from": 1}, {"then": [{}]}, {"": {}}]
    ),
)
FAST = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def holds(answer):
    job, findings = answer
    assert job is None or isinstance(job, Job)
    assert job is not None or findings
    assert all(isinstance(each, Diagnostic) and each.line >= 1 and each.column >= 1 and each.message for each in findings)
    assert findings == sorted(findings)


@FAST
@given(data=st.data())
def test_a_job_whose_text_was_cut_or_patched_is_answered(data, good, parse):
    text = good
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + data.draw(PIECES) + text[end:]
    holds(parse(text.encode("utf-8", "replace")))


@FAST
@given(end=st.integers(0, 1300))
def test_every_beginning_of_a_job_is_answered(end, good, parse):
    holds(parse(good[:end].encode()))


def nodes(value, path=()):
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from nodes(item, (*path, key))


def changed(tree, path, value):
    holder = tree
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = copy.deepcopy(value)  # or a later change would change what is drawn from


@FAST
@given(data=st.data())
def test_a_job_with_anything_in_any_place_is_answered(data, good, parse):
    tree = copy.deepcopy(yaml.safe_load(good.replace("&each ", "").replace("*each", '{from: "{{ steps.read_csv.rows }}"}')))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(nodes(tree), key=str)))
        if not path:
            continue
        if data.draw(st.booleans()):
            changed(tree, path, data.draw(JUNK))
        else:
            changed(tree, (*path[:-1], data.draw(st.sampled_from(["id", "when", "batch", "retry", "then", "x"]))) if not
                    isinstance(path[-1], int) else path, data.draw(JUNK))  # fmt: skip
    holds(parse(yaml.safe_dump(tree, sort_keys=False).encode()))


@pytest.mark.parametrize(
    "text", ["steps: [{then: [{}]}]", "{steps: [[[]]]}", "version: 2\njob: x\nsteps: [{type: conditional}]"]
)
def test_odd_jobs_are_answered(text, parse):
    holds(parse(text.encode()))


LITTLE_S = 0.05
"""Below that a time says nothing."""


@pytest.mark.parametrize("piece", ["x", "{", "{{ ", "://", "://a:", "?a=", "${env:", "%}", " \n", "'"])
def test_a_long_text_takes_longer_in_proportion_only(piece, good, parse):
    def seconds(length):
        text = good.replace('"{{ idx }}"', json.dumps((piece * length)[:length]))
        begun = time.process_time()
        parse(text)
        return time.process_time() - begun

    seconds(100)
    assert seconds(80_000) < 10 * max(seconds(20_000), LITTLE_S)
