"""Each thing that can be wrong in a job gives exactly one finding, with its place and its code."""

import pytest

from portl.jobs import closest

BAD = {
    "J001": [("steps:", "job: again\nsteps:", "job: again")],
    "J002": [("retry: {max_attempts: 4}", "retires: 3", "retires"), ("job: sync", "job: sync\nstesp: 1", "stesp")],
    "J003": [("type: db.upsert\n    batch: *each\n    table: resources\n", "type: db.upsert\n    batch: *each\n", None)],
    "J004": [("max_attempts: 4", "max_attempts: 0", "0"), ("version: 2", "version: 1", "1")],
    "J005": [("type: lambda.invoke", "type: lambda.invok", "lambda.invok")],
    "J006": [("id: tell", "id: read_csv", "read_csv"), ("method: POST", "save_as: enrich", "enrich")],
    "J007": [("id: tell", "id: states", "states"), ("id: tell", "id: 1tell", "1tell")],
    "J101": [
        ("{{ idx }}", "{{ row. }}", None),
        ("{{ idx }}", "{% if 1 %}", None),
        ("{{ idx }}", "{# idx #}", None),
    ],
    "J102": [("{{ idx }}", "{{ nope(1) }}", "nope"), ("{{ idx }}", "{{ idx is nope }}", "nope")],
    "J201": [("steps.enrich[idx]", "steps.enrihc[idx]", "steps.enrihc")],
    "J202": [("{{ idx }}", "{{ steps.tell[idx].status }}", "steps.tell")],
    "J203": [("steps.resource[idx].was_inserted", "steps.resource[idx].inserted", "steps.resource")],
    "J204": [("method: POST", "connection: apo", "apo"), ("method: POST", "connection: pg", "pg")],
    "J205": [('path: "{{ params.path', 'path: "{{ params.pahc', "params.pahc")],
    "J206": [("{{ run.id }}", "{{ run.idd }}", "run.idd"), ("{{ idx }}", "{{ index }}", "index")],
    "J207": [("key: [code]", "key: [cod]", "cod")],
    "J208": [("steps.read_csv.rows", "steps.read_csv.count", None)],
    "J209": [("steps.enrich[idx]", "steps.enrich", "steps.enrich")],
    "J303": [("{scope: db, connection: pg}", "{scope: db, connection: api}", "api")],
    "J601": [
        ("steps:", "triggers: [{id: t, type: schedule, expression: rate(1 day), params: {path: a, pat: b}}]\nsteps:", "pat: b")
    ],
}


def place(text, start, pointed):
    before = text[: text.index(pointed, start)].split("\n")
    return f"{len(before)}:{len(before[-1]) + 1}"


@pytest.mark.parametrize(("code", "case"), [(code, case) for code, cases in BAD.items() for case in cases])
def test_a_wrong_job_is_found_at_its_place(code, case, good, places):
    old, new, pointed = case
    start = good.index(old)
    text = good.replace(old, new, 1)
    found = places(text)
    assert {each.split()[1] for each in found} == {code}
    assert pointed is None or found == [f"{place(text, start, pointed)} {code}"]


STEPS_OF_ITS_OWN = [
    ("J304", "- {id: q, type: db.query_one, sql: 'SELECT {{ now }}'}"),
    ("J304", "- {id: q, type: db.query_one, sql: 'SELECT :a'}"),
    ("J304", "- {id: q, type: db.query_one, sql: 'SELECT 1', params: {a: 1}}"),
    ("J301", "- {id: q, type: db.query_one, connection: other, sql: 'SELECT 1'}"),
]


@pytest.mark.parametrize(("code", "step"), STEPS_OF_ITS_OWN)
def test_a_wrong_step_is_found(code, step, good, parse):
    text = good.replace("connections:\n", 'connections:\n  other: {type: postgres, url: "x"}\n', 1) + f"  {step}\n"
    assert [each.code for each in parse(text)[1]] == [code]


def test_two_chunk_sizes_for_the_same_records_are_refused(good, parse):
    text = good.replace("as: row}", "as: row, size: 5}")
    text += '  - {id: q, type: api.call, path: /, batch: {from: "{{ steps.read_csv.rows }}", as: row, size: 6}}\n'
    assert [each.code for each in parse(text)[1]] == ["J210"]


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_their_places(good, places):
    text = good.replace("run.id", "run.idd").replace("key: [code]", "key: [cod]").replace("enrich[idx]", "enrihc[idx]")
    pointed = (("run.idd", "J206"), ("cod]", "J207"), ("steps.enrihc", "J201"))
    assert places(text) == [f"{place(text, 0, name)} {code}" for name, code in pointed]


def test_a_finding_says_what_was_meant(good, parse):
    (found,) = parse(good.replace("key: [code]", "key: [cod]"))[1]
    assert str(found) == 'job.yaml:23:11 J207 "cod" is in key and not in the mapping; did you mean "code"?'


def test_a_file_that_is_not_utf_8_is_told_with_its_line(places):
    assert places(b"version: 2\njob: \xff\n") == ["2:1 J001"]


def test_a_file_that_is_too_large_is_refused(places):
    assert places(b"#" * 1_000_001) == ["1:1 J001"]


def test_the_nearest_name_is_meant_and_a_far_one_lists_what_is_known():
    assert closest("cod", ["code", "name"]) == 'did you mean "code"?'
    assert closest("zzz", ["code", "name"]) == "known here: code, name"
    assert closest("zzz", []) == ""


def test_a_misspelt_field_does_not_hide_a_wrong_reference_elsewhere(good, parse):
    wrong = good.replace("method: POST", "metod: POST").replace("row.code", "rwo.code", 1)
    assert {finding.code for finding in parse(wrong)[1]} >= {"J002", "J206"}
