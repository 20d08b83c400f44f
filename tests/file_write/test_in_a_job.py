"""file.write in a job, run as a user runs it: planned, run again, resumed, behind a commit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.support import ROOT, Ended, portl
from plan.support import compare, done, lines, planned

HEAD = """\
version: 2
job: j
params: {path: {type: string}, code: {type: string, default: "0"}, items: {type: list, default: [{a: 1}, {a: 2}]}}
connections:
  out: {type: local, root: ../out, durable: false}
  fn: {type: lambda, function: "f.py:answer"}
"""
FUNCTION = "def answer(event, _):\n    assert event != {'code': 'bad'}\n    return {'rows': [{'n': 1}, {'n': 2}], 'n': 5}\n"
READ = '  - {id: read, type: csv.read, path: "{{ params.path }}", types: {n: int}}\n'
WRITE = '  - {id: write, type: file.write, path: "out:all.csv", rows: "{{ steps.read.rows }}", format: csv'


def make(tmp_path: Path, steps: str, records: int = 5, head: str = HEAD) -> tuple[str, ...]:
    """A project with a job and a CSV; answers the arguments behind ``run`` or ``plan``."""
    folder = tmp_path / "p" / "statemachines" / "j"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("functions", "layers", "template.yaml"):
        if not (tmp_path / "p" / name).exists():
            (tmp_path / "p" / name).symlink_to(ROOT / name)
    (folder / "f.py").write_text(FUNCTION, "utf-8")
    (folder / "rows.csv").write_text("code,n\n" + "".join(f"c{n},{n}\n" for n in range(records)), "utf-8")
    (folder / "job.yaml").write_text(f"{head}steps:\n{steps}", "utf-8")
    return str(folder), "--param", f"path={folder / 'rows.csv'}"


def written(tmp_path: Path) -> dict[str, bytes]:
    root = tmp_path / "out"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


STEPS = {
    "the rows of a file": READ + WRITE + "}\n",
    "a mapping": READ + WRITE + ', columns: {a: "{{ row.code }}", b: {from: "{{ row.n }}", type: decimal}}}\n',
    "an answer": "  - {id: ask, type: lambda.invoke, payload: {}}\n"
    '  - {id: write, type: file.write, path: "out:{{ steps.ask.n }}.json", rows: "{{ steps.ask.rows }}", format: json}\n',
    "columns that only a call knows": "  - {id: ask, type: lambda.invoke, payload: {}}\n"
    '  - {id: write, type: file.write, path: "out:a.csv", rows: "{{ steps.ask.rows }}", format: csv}\n',
    "a parameter": '  - {id: write, type: file.write, path: "out:{{ run.id }}.l", rows: "{{ params.items }}", format: jsonl}\n',
    "a list": '  - {id: write, type: file.write, path: "out:a.txt", rows: [{a: "{{ params.code }}"}], format: text, '
    'template: "{{ row.a }}"}\n',
    "parts": READ + WRITE.replace("all.csv", "{{ part }}.csv") + ', parts: {records: 2, manifest: "out:m.json"}}\n',
    "none of them": READ + WRITE + ", when: \"{{ params.code == '1' }}\"}\n",
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("size", ["1", "9"])
def test_the_plan_says_what_the_run_writes(name: str, size: str, tmp_path: Path) -> None:
    arguments = make(tmp_path, STEPS[name])
    plan = planned(tmp_path, *arguments, "--sample", size)
    assert written(tmp_path) == {}
    ended, intents = done(tmp_path, *arguments)
    assert ended.code == 0, ended.err
    compare(plan, intents)


def test_the_plan_shows_address_format_columns_count_and_the_first_records(tmp_path: Path) -> None:
    arguments = make(tmp_path, READ + WRITE + ", compression: gzip}\n", records=1_200)
    shown = portl(tmp_path, "plan", *arguments)
    assert shown.code == 0, shown.err
    assert shown.out.endswith(
        "write  file.write\n"
        "    writes out:all.csv  (csv, gzip; 1,200 records; what is there: fail)\n"
        "      columns code, n\n"
        '      {"code": "c0", "n": 0}\n'
        '      {"code": "c1", "n": 1}\n'
        '      {"code": "c2", "n": 2}\n'
    )


def test_a_run_again_finds_what_it_wrote_and_another_list_is_refused(tmp_path: Path) -> None:
    arguments = make(tmp_path, READ + WRITE + "}\n")
    for _ in range(2):
        ended = portl(tmp_path, "run", *arguments)
        assert (ended.code, "write  file.write     5 written" in ended.out) == (0, True), ended.err
    expected = {"all.csv": b"code,n\nc0,0\nc1,1\nc2,2\nc3,3\nc4,4\n"}
    assert written(tmp_path) == expected
    ended = portl(tmp_path, "run", *make(tmp_path, READ + WRITE + "}\n", records=4))
    assert (ended.code, "F106 out:all.csv is already there, with another content" in ended.err) == (1, True), ended.err
    assert written(tmp_path) == expected


BAD_THEN_GOOD = READ + WRITE + "}\n" + '  - {id: ask, type: lambda.invoke, payload: {code: "{{ params.code }}"}}\n'


def runs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "runs").glob("j-*"))


@pytest.mark.parametrize("lost", [(), ("done/write.json", "results/write.json")])
def test_a_run_that_is_resumed_ends_as_one_that_was_not_cut_off(tmp_path: Path, lost: tuple[str, ...]) -> None:
    arguments = make(tmp_path, BAD_THEN_GOOD)
    assert portl(tmp_path, "run", *arguments, "--param", "code=bad").code == 1
    before = written(tmp_path)
    (first,) = runs(tmp_path)
    for name in lost:  # as if it had been killed between the file and its own note of it
        (first / name).unlink()
    (tmp_path / "p/statemachines/j/f.py").write_text("def answer(event, _):\n    return {}\n", "utf-8")
    ended = portl(tmp_path, "run", arguments[0], "--resume", first.name)
    assert ended.code == 0, ended.err
    assert written(tmp_path) == before
    assert re.findall(r"write +file.write +5 (\w+)", ended.out) == ["written" if lost else "reused"]


def test_a_resumed_run_over_other_records_writes_them(tmp_path: Path) -> None:
    steps = BAD_THEN_GOOD.replace("format: csv}", "format: csv, overwrite: if_different}")
    arguments = make(tmp_path, steps)
    assert portl(tmp_path, "run", *arguments, "--param", "code=bad").code == 1
    make(tmp_path, steps, records=2)
    (tmp_path / "p/statemachines/j/f.py").write_text("def answer(event, _):\n    return {}\n", "utf-8")
    ended = portl(tmp_path, "run", arguments[0], "--resume", runs(tmp_path)[0].name)
    assert ended.code == 0, ended.err
    assert written(tmp_path) == {"all.csv": b"code,n\nc0,0\nc1,1\n"}


def test_a_later_step_reads_what_was_written(tmp_path: Path) -> None:
    again = '  - {id: back, type: csv.read, path: "{{ steps.write.path }}", types: {n: int}}\n'
    copy = WRITE.replace("id: write", "id: copy").replace("all.csv", "copy.csv").replace("steps.read", "steps.back") + "}\n"
    ended = portl(tmp_path, "run", *make(tmp_path, READ + WRITE + "}\n" + again + copy))
    assert ended.code == 0, ended.err
    files = written(tmp_path)
    assert files["copy.csv"] == files["all.csv"]


def in_transaction(tmp_path: Path, url: str, *arguments: str, fails: bool) -> Ended:
    """A query and an insert that commit together, and a file of the query's rows between them."""
    head = HEAD + '  db: {type: postgres, url: "${env:PG_URL}"}\ntransaction: {scope: db, connection: db}\n'
    second = "SELECT 1 / 0 AS x" if fails else "SELECT 1 AS x"
    query = "SELECT n, n * 1.10 AS price, null AS none FROM generate_series(1, 3) AS n"
    steps = (
        f'  - {{id: rows, type: db.query_many, sql: "{query}"}}\n'
        '  - {id: write, type: file.write, path: "out:all.csv", rows: "{{ steps.rows.rows }}", format: csv}\n'
        f'  - {{id: more, type: db.query_many, sql: "{second}"}}\n'
    )
    return portl(tmp_path, *arguments, *make(tmp_path, steps, head=head), PG_URL=url)


def test_inside_a_transaction_the_file_is_written_behind_the_commit(tmp_path: Path, postgres_url: str) -> None:
    failed = in_transaction(tmp_path, postgres_url, "run", fails=True)
    assert (failed.code, written(tmp_path)) == (1, {}), failed.err
    plan = in_transaction(tmp_path, postgres_url, "plan", "--json", fails=False)
    assert [each["kind"] for each in lines(plan.out)][-2:] == ["commit", "write"]
    ended = in_transaction(tmp_path, postgres_url, "run", fails=False)
    assert ended.code == 0, ended.err
    assert written(tmp_path) == {"all.csv": b"n,price,none\n1,1.10,\n2,2.20,\n3,3.30,\n"}


def test_a_database_step_that_needs_the_file_is_told_that_it_stands_behind_the_commit(tmp_path: Path) -> None:
    head = HEAD + '  db: {type: postgres, url: "${env:PG_URL}"}\ntransaction: {scope: db, connection: db}\n'
    steps = (
        '  - {id: rows, type: db.query_many, sql: "SELECT 1 AS n"}\n'
        '  - {id: write, type: file.write, path: "out:all.csv", rows: "{{ steps.rows.rows }}", format: csv}\n'
        '  - {id: note, type: db.query_one, sql: "SELECT :path AS x", params: {path: "{{ steps.write.checksum }}"}}\n'
    )
    folder, *_ = make(tmp_path, steps, head=head)
    ended = portl(tmp_path, "check", folder)
    text = '"write" is a call inside the transaction and "note" needs its answer'
    assert (ended.code, "J302" in ended.out + ended.err, text in ended.out + ended.err) == (2, True, True), ended
