"""One mistake hides no other, and what one mistake explains is not told as another."""

import pytest

OVER = '{from: "{{ steps.read_csv.rows }}"}'
CODES = {
    "a misspelt field and a wrong name elsewhere": (
        {"method: POST": "metod: POST", "row.code": "rwo.code"},
        ["J206", "J002"],
    ),
    "a misspelt field and a wrong name in the same step": (
        {"method: POST": "metod: POST", 'steps.resource[idx].id }}"}\n': 'steps.resorce[idx].id }}"}\n'},
        ["J002", "J201"],
    ),
    "a missing field, and a reader of the result": (
        {"    table: resources\n": "", "resource[idx].was_inserted": "resource[idx].inserted"},
        ["J003", "J203"],
    ),
    "a missing condition, and the steps behind it": (
        {'    if: "{{ steps.resource[idx].was_inserted }}"\n': "", '{md5: "{{ row.md5 }}"}': '{md5: "{{ rwo.md5 }}"}'},
        ["J003", "J206"],
    ),
    "a misspelt conditional, and the steps inside it": (
        {"type: conditional": "type: conditonal", '{md5: "{{ row.md5 }}"}': '{md5: "{{ rwo.md5 }}"}'},
        ["J005", "J206"],
    ),
    "a step that is no mapping, and another step": (
        {"  - id: tell\n": "  - 7\n  - id: tell\n", "row.code": "rwo.code"},
        ["J206", "J004"],
    ),
    "a wrong parameter, and another one": (
        {"type: date": "type: dat", "checksum(params.path)": "checksum(params.pth)"},
        ["J004", "J205"],
    ),
    "a wrong transaction, and a wrong name": (
        {"scope: db": "scope: all", "row.code": "rwo.code"},
        ["J004", "J206"],
    ),
    "a key twice, and a wrong helper": (
        {"job: sync": "job: sync\njob: sync", "row.code": "row.code | uper"},
        ["J001", "J102"],
    ),
    "what this version cannot do, and a wrong name": (
        {"table: resources": "table: resources\n    timeout_s: 5", "row.code": "rwo.code"},
        ["J206", "J401"],
    ),
    "a transaction that cannot hold, and a wrong name": (
        {"row.code": "rwo.code", '{md5: "{{ row.md5 }}"}': '{md5: "{{ steps.call[idx].json }}"}',
         "  - id: version\n": "  - {id: call, type: api.call, batch: *each, path: /call}\n  - id: version\n"},
        ["J206", "J302"],
    ),
    "a transaction on no database, and a wrong name": (
        {"connection: pg}": "connection: api}", "row.code": "rwo.code"},
        ["J303", "J206"],
    ),
    "a second database, and a wrong helper": (
        {"connections:\n": 'connections:\n  other: {type: postgres, url: "${env:OTHER}"}\n',
         "table: resources": "table: resources\n    connection: other", "row.code": "row.code | uper"},
        ["J102", "J301"],
    ),
    "a misspelt batch explains the names it would give": ({"batch: &each": "bacth: &each", "*each": OVER},
        ["J002"]),
    "a misspelt batch of a conditional explains the names inside it, and who reads them": (
        {"type: conditional\n    batch:": "type: conditional\n    bacth:",
         'json: {id: "{{ steps.resource[idx].id }}"}\n': 'json: {id: "{{ steps.add[idx].id }}"}\n'},
        ["J002"],
    ),
    "misspelt params explain every parameter": ({"params:\n": "parms:\n"}, ["J002"]),
    "misspelt connections explain every connection": ({"connections:\n": "conections:\n"}, ["J002"]),
    "a step without an id explains unknown steps": ({"{id: read_csv, type": "{type"}, ["J003"]),
    "a name that cannot be one explains its readers": ({"id: read_csv": "id: read-csv"}, ["J007"]),
    "a misspelt connection of a step explains that it has none": (
        {"connections:\n": 'connections:\n  two: {type: http, base_url: "${env:TWO}"}\n', "method: POST": "conection: api"},
        ["J002"],
    ),
    "a misspelt query explains its places": (
        {'    path: /resources\n    json: {id: "{{ steps.resource[idx].id }}"}\n': '    parms: {a: 1}\n    sql: "SELECT :a"\n',
         "type: api.call": "type: db.query_one", "    method: POST\n": ""},
        ["J002"],
    ),
    "a wrong transaction explains what would not hold in it": (
        {"{scope: db, connection: pg}": "{scope: db, connection: pg, extrenal: inline}",
         '{md5: "{{ row.md5 }}"}': '{md5: "{{ steps.call[idx].json }}"}',
         "  - id: version\n": "  - {id: call, type: api.call, batch: *each, path: /call}\n  - id: version\n"},
        ["J002"],
    ),
    "a transaction without its fields, and a wrong name": (
        {"{scope: db, connection: pg}": "{conection: pg}", "row.code": "rwo.code"},
        ["J003", "J002", "J206"],
    ),
    "a misspelt field explains that it is missing": ({"table: resources": "tabel: resources"}, ["J002"]),
    "a misspelt field of a connection explains that it is missing": ({"base_url:": "bas_url:"}, ["J002"]),
    "an id twice explains what seems to be read inside the transaction": (
        {"{id: add,": "{id: enrich,"},
        ["J006"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CODES)
def test_beside_each_other(what, good, parse):
    changes, expected = CODES[what]
    text = good
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new) if "*each" in old else text.replace(old, new, 1)
    assert [each.code for each in parse(text)[1]] == expected, [str(each) for each in parse(text)[1]]


def test_what_stands_behind_an_anchor_is_told_once(good, places):
    text = good.replace("steps.read_csv.rows", "steps.raed_csv.rows")
    assert places(text) == ["16:29 J201"]


def test_two_steps_with_one_id_are_each_told_at_their_own_place(good, places):
    text = good.replace("row.code", "rwo.code", 1).replace("id: resource\n", "id: enrich\n")
    assert places(text)[:2] == ["17:25 J206", "19:9 J006"]


def test_a_job_without_steps_is_still_looked_at(places):
    text = "version: 2\njob: x\nconnections: {a: {type: http, base_ulr: x}}\n"
    assert places(text) == ["1:1 J003", "3:31 J002"]
