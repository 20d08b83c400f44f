"""Jobs of odd shapes: what a plan shows is what the run does, or a placeholder that the run's value fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import ROOT, portl
from plan.support import both_ways, compare, done, planned
from portl_cli.embedded import Peer

HEAD = (
    "version: 2\njob: j\nparams: {l: {type: list, default: []}}\nconnections:\n"
    '  db: {type: postgres, url: "${env:PG_URL}"}\n  fn: {type: lambda, function: "fn.py:go"}\n'
    '  api: {type: http, base_url: "${env:NOTIFY_URL}/v1", headers: {Authorization: "Bearer ${secret:api/token}"}}\nsteps:\n'
)
FUNCTION = "def go(event, _):\n    return event\n"
TABLE = "CREATE TABLE IF NOT EXISTS t (id int GENERATED ALWAYS AS IDENTITY, code text UNIQUE, n int, note text);"
TOKEN = "planted{{ token }}{%x"
F = "  - {id: f, type: lambda.invoke, connection: fn, payload: {v: 6, href: '%s/v1/next/9'}}\n"
READ = "  - {id: read, type: csv.read, path: rows.csv}\n"
SAY = "  - {id: say, type: api.call, method: POST, %s}\n"
CD = (
    '  - {id: cd, type: conditional, if: "{{ steps.f.v == 5 }}",\n'
    "     then: [{id: z, type: lambda.invoke, connection: fn, save_as: o, payload: {v: 1}%s}],\n"
    "     else: [{id: y, type: lambda.invoke, connection: fn, save_as: o, payload: {v: 2}%s}]}\n"
)
PUT = "  - {id: put, type: db.upsert, table: t, key: [code], mapping: "
EACH = 'batch: {from: "{{ params.l }}", as: it}'
CASES = {
    "the last row of a file": READ
    + SAY % 'path: /x, json: {last: "{{ steps.read.rows[-1].code }}", n: "{{ steps.read.count }}"}',
    "a branch that only the run can tell": F + CD % ("", "") + SAY % 'path: "/x/{{ steps.cd.branch }}/{{ steps.o.v }}"',
    "samples of both branches": F + CD % (", sample: {v: 1}", ", sample: {v: 2}") + SAY % 'path: "/x/{{ steps.o.v }}"',
    "a decision on a decision": F
    + CD % ("", "")
    + "  - {id: c2, type: conditional, if: \"{{ steps.cd.branch == 'then' }}\",\n"
    + "     then: [{id: a, type: api.call, path: /a}], else: [{id: b, type: api.call, path: /b}]}\n",
    "branches inside a batch": F
    + f'  - {{id: cb, type: conditional, {EACH}, if: "{{{{ steps.f.v == it.n }}}}",\n'
    + "     then: [{id: z, type: lambda.invoke, connection: fn, save_as: o, payload: {v: 1}, sample: {v: 1}}],\n"
    + "     else: [{id: y, type: lambda.invoke, connection: fn, save_as: o, payload: {v: 2}, sample: {v: 2}}]}\n"
    + SAY % (EACH + ', path: "/x/{{ steps.o[idx].v }}/{{ steps.cb[idx].branch }}"'),
    "an address that only a call knows": F + SAY % 'url: "{{ steps.f.href }}"',
    "a path in url": F + SAY % 'url: "next/{{ steps.f.v }}"',
    "the run as a value": SAY % 'path: /x, body: "{{ run }}", headers: {X-Run: "{{ run | tojson }} {{ md5(run) }}"}',
    "an object that holds what is unknown": F
    + PUT
    + "{code: a,\n"
    + '     note: {from: {a: "{{ steps.f.v }}"}, type: text, transforms: [hash_md5]},\n'
    + '     n: {from: null, transforms: [{coalesce: [null, "{{ steps.f.v }}"]}], type: int}}}\n',
    "a sample with some of the fields": PUT
    + "{code: a}, sample: {id: 5}}\n"
    + SAY % 'path: "/x/{{ steps.put.was_inserted }}"',
    "a sample of rows": '  - {id: rows, type: db.query_many, sql: "SELECT 1 AS n", sample: [{n: 1}]}\n'
    + SAY % 'batch: {from: "{{ steps.rows.rows }}", as: it}, path: "/x/{{ it.n }}"',
    "a secret in a step's header": F + SAY % 'path: /x, headers: {X-T: "${secret:api/token}-{{ steps.f.v }}"}',
    "data that looks like a reference": F.replace("{v: 6", "{rows: {$rows: 1}, a: {$unknown: 5}")
    + SAY % 'path: /x, json: {a: "{{ steps.f.rows }}", b: "{{ params.l[0] }}"}',
}  # fmt: skip
BRANCHES = {
    "cd": {"then": ["z"], "else": ["y"]},
    "c2": {"then": ["a"], "else": ["b"]},
    "cb": {"then": ["z"], "else": ["y"]},
}


@pytest.mark.parametrize("case", CASES)
def test_an_odd_job_does_what_was_planned(tmp_path: Path, postgres_url: str, query: Any, peer: Peer, case: str) -> None:
    folder = write(tmp_path, CASES[case].replace("%s", peer.url))
    query(TABLE)
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "PORTL_SECRET_API_TOKEN": TOKEN}
    arguments = (str(folder), "--param", 'l=[{"n": 6, "$unknown": 5}, {"n": 5}]')
    plan = planned(tmp_path, *arguments, **variables)
    ended, run = done(tmp_path, *arguments, "--host", "inline", **variables)
    assert ended.code == 0, ended.err
    compare(plan, run, left_out=both_ways(BRANCHES, plan, run))
    assert not any(part in json.dumps(plan) for part in (TOKEN, "planted"))


@pytest.mark.parametrize("case", ["the run as a value", "a secret in a step's header", "data that looks like a reference"])
def test_people_read_the_same_plan_without_the_secret_and_with_nothing_set(tmp_path: Path, case: str) -> None:
    arguments = (str(write(tmp_path, CASES[case])), "--param", 'l=[{"n": 6, "$unknown": 5}, {"n": 5}]')
    told = portl(tmp_path, "plan", *arguments, PORTL_SECRET_API_TOKEN=TOKEN)
    unset = portl(tmp_path, "plan", *arguments)
    assert (told.code, unset.code, TOKEN in told.out, "planted" in told.out) == (0, 0, False, False), told.err + unset.err
    assert "POST ${env:NOTIFY_URL}/v1/x" in unset.out


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{id: s, type: db.upsert, table: t, key: [code], mapping: {code: a}, sample: abc}", "the sample of s is str"),
        ("{id: s, type: db.query_many, sql: SELECT 1, sample: 5}", "a list of records, or a mapping with rows"),
        ("{id: s, type: db.query_many, sql: SELECT 1, sample: {rows: 5}}", "a list of records, or a mapping with rows"),
    ],
)
def test_a_sample_of_another_form_than_the_result_is_told_with_its_step(tmp_path: Path, step: str, told: str) -> None:
    ended = portl(tmp_path, "plan", str(write(tmp_path, f"  - {step}\n")))
    assert (ended.code, "R141" in ended.err, told in ended.err) == (2, True, True), ended.err


def test_a_csv_whose_path_only_a_call_knows_has_one_record_that_is_unknown(tmp_path: Path) -> None:
    steps = F + '  - {id: read, type: csv.read, path: "{{ steps.f.v }}"}\n'
    steps += SAY % 'batch: {from: "{{ steps.read.rows }}", as: row}, path: "/x/{{ row.code }}"'
    ended = portl(tmp_path, "plan", str(write(tmp_path, steps.replace("%s", "x"))))
    assert (ended.code, "/v1/x/<read.rows[0].code>" in ended.out) == (0, True), ended.err


def write(tmp_path: Path, steps: str) -> Path:
    folder = tmp_path / "p" / "statemachines" / "j"
    folder.mkdir(parents=True)
    for name in ("functions", "layers", "template.yaml"):
        (tmp_path / "p" / name).symlink_to(ROOT / name)
    (folder / "fn.py").write_text(FUNCTION, "utf-8")
    (tmp_path / "rows.csv").write_text("code\n" + "".join(f"c{at}\n" for at in range(10)), "utf-8")
    (folder / "job.yaml").write_text(HEAD + steps, "utf-8")
    return folder
