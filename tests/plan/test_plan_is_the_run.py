"""What `portl plan` prints is what `portl run` then does (jobs.md R5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.support import FLOW_B, ROOT, project, records, write_records
from plan.support import both_ways, compare, done, planned
from portl_cli.embedded import Peer

VERSIONS = {"new_version": {"then": ["insert_version"], "else": ["update_version"]}}


def flow_a(tmp_path: Path, change: dict[str, str], count: int = 3) -> tuple[str, ...]:
    job = project(tmp_path, change)
    return str(job), "--param", f"path={write_records(tmp_path / f'{count}.csv', records(count, keys=2))}"


@pytest.mark.parametrize(
    "change", [{}, {"scope: db": "scope: chunk"}, {"as: row}": "as: row, size: 1}"}], ids=["db", "chunk", "size 1"]
)
def test_flow_a_does_what_was_planned(
    tmp_path: Path, postgres_url: str, peer: Peer, query: Any, change: dict[str, str]
) -> None:
    arguments = flow_a(tmp_path, change)
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}
    ended, _ = done(tmp_path, *flow_a(tmp_path, change, count=4), "--init-db", **variables)
    assert ended.code == 0, ended.err
    before = query("SELECT * FROM resources_versions ORDER BY id")
    plan = planned(tmp_path, *arguments, **variables)
    assert query("SELECT * FROM resources_versions ORDER BY id") == before
    ended, run = done(tmp_path, *arguments, **variables)
    assert ended.code == 0, ended.err
    assert {each["kind"] for each in plan} == {"read", "invocation", "begin", "statement", "decide", "commit", "request"}
    compare(plan, run, left_out=both_ways(VERSIONS, plan, run))


def test_a_plan_of_many_records_is_the_beginning_of_the_run(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    arguments = flow_a(tmp_path, {}, count=40)
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}
    done(tmp_path, *flow_a(tmp_path, {}, count=4), "--init-db", **variables)
    plan = planned(tmp_path, *arguments, "--sample", "2", **variables)
    _, run = done(tmp_path, *arguments, **variables)
    first = [each for each in run if each["record"] is None or each["record"] < 2]
    assert len(run) > len(first)
    compare(plan, first, left_out=both_ways(VERSIONS, plan, first))


@pytest.mark.parametrize("scope", ["db", "chunk"])
def test_work_that_was_done_before_is_planned_as_it_will_be_answered(
    tmp_path: Path, postgres_url: str, peer: Peer, scope: str
) -> None:
    arguments = flow_a(tmp_path, {"scope: db": f"scope: {scope}"})
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}
    first, _ = done(tmp_path, *arguments, "--init-db", **variables)
    plan = planned(tmp_path, *arguments, **variables)
    ended, run = done(tmp_path, *arguments, **variables)
    assert (first.code, ended.code) == (0, 0)
    compare(plan, run)
    assert "statement" not in {each["kind"] for each in plan}
    assert [each["run"][:14] for each in plan if each["kind"] == "known"] == ["resource_sync-"]
    bodies = [each["json"] for each in plan if each["step"] == "announce_resource"]
    assert [type(body["resource_id"]) for body in bodies] == [int] * 3
    assert "statement" in {each["kind"] for each in planned(tmp_path, *arguments, "--new-key", **variables)}


def test_flow_b_is_planned_from_a_sample_and_without_one(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    job = project(tmp_path, job=FLOW_B)
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}
    arguments = (str(job), "--param", "batch_id=2026-11")
    _, run = done(tmp_path, *arguments, "--init-db", **variables)
    first = [each for each in run if each["record"] in (None, 0)]
    plan = planned(tmp_path, *arguments, "--new-key", **variables)
    compare(plan, first, left_out=both_ways(VERSIONS, plan, first))
    record = '{code: A, source: s, name: N, slug: n, md5: x, status: draft, payload: "{}", updated_at: "2026-01-01T00:00:00Z"}'
    text = job.read_text("utf-8").replace("  - id: pull\n", f"  - id: pull\n    sample: {{records: [{record}]}}\n")
    job.write_text(text, "utf-8")
    upsert = next(each for each in planned(tmp_path, *arguments, "--new-key", **variables) if each["step"] == "resource")
    assert upsert["params"][:5] == ["A", "s", "N", "n", "x"]


STEPS = """\
  - {id: known, type: db.query_many, sql: "SELECT n, code FROM t WHERE n > :least ORDER BY n", params: {least: 0}}
  - {id: big, type: db.query_one, sql: "SELECT count(*) AS n FROM t"}
  - id: many
    type: conditional
    if: "{{ steps.big.n > 1 }}"
    then:
      - {id: say_many, type: api.call, method: POST, path: "/many/{{ steps.big.n }}", form: {n: "{{ steps.big.n }}"}}
    else:
      - {id: say_few, type: api.call, method: PUT, path: "/few", body: "{{ steps.big.n }} rows at {{ now }}"}
  - id: each
    type: api.call
    batch: {from: "{{ steps.known.rows }}", as: it}
    method: GET
    path: "/rows/{{ it.code }}"
    query: {n: "{{ it.n }}", run: "{{ run.id }}"}
    headers: {X-Code: "code {{ it.code }}"}
  - id: some
    type: api.call
    batch: {from: "{{ params.items }}", as: it}
    when: "{{ it.n != 6 }}"
    method: POST
    path: /items
    json:
      n: "{{ it.n + 1 }}"
      of: "{{ params.items | length }}"
      twice: ["{{ it.n * 2 }}", "{{ steps.big.n * 2 }}"]
      at: "{{ now }}"
  - id: keep
    type: db.upsert
    batch: {from: "{{ params.items }}", as: it}
    table: t
    key: [code]
    mapping:
      code: "item {{ it.n }}"
      n: {from: "{{ steps.some[idx].status | default(7) }}", type: int}
      note: {from: "{{ steps.big.n }}", transforms: [{concat: [" rows"]}]}
      at: {from: null, transforms: [default_now], type: datetime}
"""
JOB = (
    "version: 2\njob: j\nparams: {items: {type: list}}\n"
    'connections:\n  db: {type: postgres, url: "${env:PG_URL}"}\n'
    '  api: {type: http, base_url: "${env:NOTIFY_URL}/v1", headers: {Authorization: "Bearer ${secret:api/token}"}}\n'
    "steps:\n" + STEPS
)
TABLE = (
    "CREATE TABLE IF NOT EXISTS t (id int GENERATED ALWAYS AS IDENTITY, code text UNIQUE, n int, note text, at timestamptz);"
)
BRANCHES = {"many": {"then": ["say_many"], "else": ["say_few"]}}


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "p" / "statemachines" / "j"
    folder.mkdir(parents=True)
    for name in ("functions", "layers", "template.yaml"):
        (tmp_path / "p" / name).symlink_to(ROOT / name)
    (folder / "schema.sql").write_text(TABLE, "utf-8")
    (folder / "job.yaml").write_text(JOB, "utf-8")
    return folder


def test_a_job_of_every_shape_does_what_was_planned(
    tmp_path: Path, job: Path, postgres_url: str, peer: Peer, query: Any
) -> None:
    query(TABLE)
    query("INSERT INTO t (code, n) VALUES ('a', 1)")
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, "PORTL_SECRET_API_TOKEN": "planted-token-1"}
    arguments = (str(job), "--param", 'items=[{"n": 5}, {"n": 6}]')
    plan = planned(tmp_path, *arguments, **variables)
    ended, run = done(tmp_path, *arguments, **variables)
    assert ended.code == 0, ended.err
    compare(plan, run, left_out=both_ways(BRANCHES, plan, run))
    assert {each["headers"]["Authorization"] for each in plan if each["kind"] == "request"} == {"Bearer ***"}
    assert [each for each in plan if each["kind"] == "when"] == [{"step": "some", "record": 1, "kind": "when", "admits": False}]


def test_the_same_plan_is_made_with_nothing_set_and_says_so(tmp_path: Path, job: Path) -> None:
    from flows.support import portl

    ended = portl(tmp_path, "plan", str(job), "--param", 'items=[{"n": 5}]')
    assert ended.code == 0, ended.err
    assert "db: PG_URL is not set, so mappings are not compared" in ended.out
    assert "POST ${env:NOTIFY_URL}/v1/items" in ended.out
    assert "Authorization: Bearer ${secret:api/token}" in ended.out
    assert '{"n": 6, "of": 1, "twice": [10, <big.n * 2>], "at": <now>}' in ended.out
    assert "only the run can tell <big.n > 1>: both branches are shown" in ended.out
    assert "POST ${env:NOTIFY_URL}/v1/many/<big.n>" in ended.out
    assert "PUT ${env:NOTIFY_URL}/v1/few" in ended.out
