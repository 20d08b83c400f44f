"""SQL in files, small and large, as a user runs and builds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import ROOT, Ended, portl

JOB = """\
version: 2
job: j
params: {path: {type: string, required: true}}
connections:
  db: {type: postgres, url: "${env:PG_URL}"}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: place
    type: db.query_one
    batch: &each {from: "{{ steps.read.rows }}", as: row}
    sql_file: sql/place.sql
    params: {code: "{{ row.code }}"}
  - id: put
    type: db.update
    batch: *each
    table: t
    sql_file: sql/put.sql
    params: {code: "{{ row.code }}", n: "{{ steps.place[idx].n }}"}
"""
SCHEMA = "CREATE TABLE t (code text PRIMARY KEY, n int); INSERT INTO t VALUES ('c0007', 0), ('c9999', 0), ('other', 0);"
PUT = "UPDATE t\nSET n = :n\nWHERE code = :code\n"


def large_sql() -> str:
    """A query of more than 200 KB."""
    values = ",\n".join(f"  ('c{number:04d}', {number * 2})" for number in range(12_000))
    return f"SELECT n FROM (VALUES\n{values}\n) AS known(code, n)\nWHERE code = :code\n"  # noqa: S608 - made here


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "p" / "statemachines" / "j"
    (folder / "sql").mkdir(parents=True)
    for name in ("functions", "layers"):
        (tmp_path / "p" / name).symlink_to(ROOT / name)
    (tmp_path / "p" / "template.yaml").write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")
    (folder / "schema.sql").write_text(SCHEMA, "utf-8")
    (folder / "job.yaml").write_text(JOB, "utf-8")
    (folder / "sql" / "place.sql").write_text(large_sql(), "utf-8")
    (folder / "sql" / "put.sql").write_text(PUT, "utf-8")
    (folder / "rows.csv").write_text("code\nc0007\nc9999\n", "utf-8")
    return folder


@pytest.fixture
def run(tmp_path: Path, job: Path, postgres_url: str) -> Any:
    def go() -> Ended:
        arguments = ["run", str(job), "--init-db", "--param", f"path={job / 'rows.csv'}"]
        return portl(tmp_path, *arguments, PG_URL=postgres_url)

    return go


@pytest.mark.postgres
def test_a_query_of_200_kb_runs_and_the_machine_stays_small(run: Any, job: Path, tmp_path: Path, query: Any) -> None:
    assert (job / "sql" / "place.sql").stat().st_size > 200_000
    ended = run()
    assert ended.code == 0, ended.err
    assert query("SELECT code, n FROM t ORDER BY code") == [("c0007", 14), ("c9999", 19_998), ("other", 0)]
    assert "2 updated" in ended.out
    (folder,) = (tmp_path / "runs").glob("j-*")
    assert (folder / "machine.asl.json").stat().st_size < 12_000
    assert (folder / "history.jsonl").stat().st_size < 100_000
    (packaged,) = (tmp_path / "runs" / "specs").iterdir()
    assert json.loads(packaged.read_text("utf-8"))["sql"] == large_sql()


@pytest.mark.postgres
def test_a_statement_of_a_file_that_fails_is_shown(run: Any, job: Path) -> None:
    (job / "sql" / "put.sql").write_text("UPDATE t SET n = :n / 0 WHERE code = :code", "utf-8")
    ended = run()
    assert ended.code == 1
    assert "failed in put (db.update), record 1" in ended.err
    assert "UPDATE t SET n = $1 / 0 WHERE code = $2" in ended.err


def built(tmp_path: Path, job: Path, *options: str) -> Ended:
    return portl(tmp_path, "build", "--project", str(job), *options)


def test_build_writes_the_large_spec_beside_the_machine_and_a_second_build_nothing(tmp_path: Path, job: Path) -> None:
    first = built(tmp_path, job)
    (packaged,) = (job / "specs").iterdir()
    assert f"statemachines/j/specs/{packaged.name} written" in first.out
    assert packaged.stem in (job / "j.asl.json").read_text("utf-8")
    assert (job / "j.asl.json").stat().st_size < 12_000
    assert (built(tmp_path, job, "--check").code, built(tmp_path, job).out) == (0, "everything is as it would be written\n")


def test_build_check_notices_a_changed_sql_file_small_or_large(tmp_path: Path, job: Path) -> None:
    built(tmp_path, job)
    (job / "sql" / "put.sql").write_text(PUT + "  AND n = 0\n", "utf-8")
    small = built(tmp_path, job, "--check")
    assert (small.code, small.out) == (1, "statemachines/j/j.asl.json differs: run portl build\n")
    built(tmp_path, job)
    (before,) = (job / "specs").iterdir()
    (job / "sql" / "place.sql").write_text(large_sql() + "  AND n > 0\n", "utf-8")
    large = built(tmp_path, job, "--check")
    assert (large.code, before.exists()) == (1, True)
    assert f"statemachines/j/specs/{before.name} belongs to no step: run portl build" in large.out


def test_build_removes_a_spec_that_belongs_to_no_step(tmp_path: Path, job: Path) -> None:
    built(tmp_path, job)
    (before,) = (job / "specs").iterdir()
    (job / "sql" / "place.sql").write_text("SELECT 1 AS n WHERE :code <> ''", "utf-8")
    assert f"statemachines/j/specs/{before.name} removed" in built(tmp_path, job).out
    assert not (job / "specs").exists()
    assert built(tmp_path, job, "--check").code == 0


def test_what_is_wrong_in_a_file_is_told_at_its_place_before_anything_runs(tmp_path: Path, job: Path) -> None:
    (job / "sql" / "put.sql").write_text(PUT.replace(":code", ":cdoe"), "utf-8")
    ended = portl(tmp_path, "check", str(job))
    file = job / "sql" / "put.sql"
    assert ended.code == 2
    assert f'{file}:3:14 J304 :cdoe has no value under params; did you mean "code"?' in ended.err


def test_a_plan_shows_the_sql_of_the_files(tmp_path: Path, job: Path) -> None:
    ended = portl(tmp_path, "plan", str(job), "--param", f"path={job / 'rows.csv'}", "--json")
    assert ended.code == 0, ended.err
    statements = {(note["step"], note["record"]): note for note in map(json.loads, ended.out.splitlines()) if "sql" in note}
    assert statements["put", 0]["sql"] == PUT.replace(":n", "$1").replace(":code", "$2")
    assert statements["place", 1]["sql"] == large_sql().replace(":code", "$1")
