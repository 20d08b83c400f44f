"""Fix and resume: a corrected job takes from the run that failed what has not changed (jobs.md R1, design 6 point 5)."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import (
    RESOURCES,
    VERSIONS,
    Ended,
    expected,
    load_function,
    portl,
    project,
    records,
    start,
    write_records,
)
from portl_cli.embedded import Peer

ROWS = "SELECT r.code, r.name, r.md5, v.version_number FROM resources r JOIN resources_versions v ON v.resource_id = r.id"
QUICK = ("--host", "inline", "--time-scale", "0.01")
SMALL = {"as: row}": "as: row, size: 5}"}


@pytest.fixture
def run(tmp_path: Path, postgres_url: str, peer: Peer) -> Any:
    """Runs Flow A, some of its text changed, over twelve records or those given."""

    def go(change: dict[str, str] | None = None, *options: str, given: Any = None) -> Ended:
        job = project(tmp_path, {**SMALL, **(change or {})})
        if given is not None or not (tmp_path / "in.csv").exists():
            write_records(tmp_path / "in.csv", records(12, keys=12) if given is None else given)
        begin = () if "--resume" in options or "--from" in options else ("--param", f"path={tmp_path / 'in.csv'}", "--init-db")
        return portl(tmp_path, "run", str(job), *begin, *options, *QUICK, PG_URL=postgres_url, NOTIFY_URL=peer.url)

    return go


def run_id(ended: Ended) -> str:
    return re.findall(r"^run (\S+)", ended.err, re.MULTILINE)[0]


def sent(peer: Peer) -> Counter[tuple[str, str]]:
    """How often each call came: by its path and its idempotency key."""
    calls = [call for call in peer.calls() if call["status"] < 400]
    return Counter((call["path"], call["headers"]["idempotency-key"]) for call in calls if "idempotency-key" in call["headers"])


def until(true: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


RETRIES = {"retry: {max_attempts: 4, backoff_ms: 500}": "retry: {max_attempts: 1}"}
NAMED = """      name: "{{ row.name }}"
      slug: "{{ steps.enrich[idx].slug }}"
      md5: "{{ steps.enrich[idx].md5 }}"
      updated"""


def test_a_run_that_failed_at_its_calls_goes_on_there_and_sends_nothing_again_that_was_answered(
    run: Any, query: Any, peer: Peer, tmp_path: Path
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    failed = run(RETRIES)
    first = run_id(failed)
    assert failed.code == 1, failed.err
    assert f"  again   portl run {tmp_path}/project/statemachines/resource_sync/job.yaml --resume {first}\n" in failed.err
    rows, answered = query(ROWS), Counter(call["path"] for call in peer.calls() if call["status"] == 200)
    assert len(rows) == 12
    resumed = run(None, "--resume", first)
    assert resumed.code == 0, resumed.err
    assert query(ROWS) == rows
    assert (len(sent(peer)), set(sent(peer).values())) == (24, {1})
    taken = "read_csv 12, enrich 12, resource 12, latest_before 12, new_version 12, insert_version 12, "
    kept = answered["/resources"], answered["/versions"]  # another chunk may have been further than the one that failed
    taken += f"announce_resource {kept[0]}, latest 12" + (f", announce_version {kept[1]}" if kept[1] else "")
    assert f"  reused of {first}: {taken}; done: announce_resource, announce_version\n" in resumed.out
    assert "  records 12\n" in resumed.out
    shown = portl(tmp_path, "runs", "show", run_id(resumed), "--json")
    assert {name: json.loads(shown.out)[name] for name in ("base", "done")} == {
        "base": first,
        "done": ["announce_resource", "announce_version"],
    }


def test_a_function_that_failed_on_a_record_is_called_again_for_that_record_only(
    run: Any, query: Any, peer: Peer, tmp_path: Path
) -> None:
    own = "import pathlib\nasked = pathlib.Path(__file__).with_name('asked')\ndef enrich(event, _):\n"
    own += "    with asked.open('a') as file:\n        file.write(event['code'] + '\\n')\n"
    answer = "    return {'md5': 'm' + event['code'], 'slug': 's', 'status': 'draft'}\n"
    change = {"function: ingestor": "function: 'own.py:enrich'", "max_attempts: 4": "max_attempts: 1"}
    file = project(tmp_path, {**SMALL, **change}).parent / "own.py"
    file.write_text(own + "    assert event['code'] != 'R-001', 'not today'\n" + answer, "utf-8")
    failed = run(change)
    assert (failed.code, query("SELECT count(*) FROM resources")) == (1, [(0,)]), failed.err
    at = next(place for place, record in enumerate(records(12, keys=12)) if record["code"] == "R-001")
    assert f"enrich (lambda.invoke), record {at + 1}" in failed.err
    file.write_text(own + answer, "utf-8")
    resumed = run(change, "--resume", run_id(failed))
    assert (resumed.code, query("SELECT count(*) FROM resources")) == (0, [(12,)]), resumed.err
    asked = Counter((file.parent / "asked").read_text("utf-8").split())
    assert asked == Counter({record["code"]: 1 for record in records(12, keys=12)}) + Counter({"R-001": 1})


def test_a_mapping_corrected_before_anything_was_committed_reuses_the_calls_before_it(run: Any, query: Any) -> None:
    broken = {NAMED: NAMED.replace('"{{ row.name }}"', '{from: "{{ row.name }}", type: date}')}
    failed = run(broken)
    assert (failed.code, query("SELECT count(*) FROM resources")) == (1, [(0,)]), failed.err
    resumed = run({NAMED: NAMED.replace("row.name }}", "row.name | upper }}")}, "--resume", run_id(failed))
    assert resumed.code == 0, resumed.err
    assert "read_csv 12, enrich 12; done: resource, " in resumed.out
    assert query("SELECT name FROM resources WHERE code = 'R-000'") == [("NAME 0 «É»",)]


def test_what_was_committed_and_would_write_twice_is_refused_and_from_goes_on_behind_it(
    run: Any, query: Any, peer: Peer
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    failed = run()
    rows = query(ROWS)
    change = {NAMED: NAMED.replace("row.name }}", "row.name | upper }}")}
    refused = run(change, "--resume", run_id(failed))
    assert (refused.code, "R121" in refused.err, "--from" in refused.err) == (1, True, True), refused.err
    assert query(ROWS) == rows
    assert "stays; its calls that were open still are" in refused.err
    again = run(change, "--resume", run_id(refused), "--from", "announce_version")
    assert (again.code, "R155" in again.err) == (1, True), again.err
    gone_on = run(change, "--from", "announce_resource")  # of the newest run
    assert gone_on.code == 0, gone_on.err
    assert (query(ROWS), len(sent(peer)), max(sent(peer).values())) == (rows, 24, 3)
    assert "done: announce_resource, announce_version\n" in gone_on.out


def test_a_resumed_run_that_fails_is_resumed_itself_and_takes_from_both(run: Any, query: Any, peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    first = run()
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 8, "times": 1})
    second = run(None, "--resume", run_id(first))
    assert second.code == 1, second.err
    third = run(None, "--resume", run_id(second))
    assert third.code == 0, third.err
    assert (len(query(ROWS)), len(sent(peer)), set(sent(peer).values())) == (12, 24, {1})
    assert f"  reused of {run_id(second)}: read_csv 12, enrich 12, resource 12" in third.out
    nothing = run(None, "--resume", run_id(third))
    assert (nothing.code, len(query(ROWS)), set(sent(peer).values())) == (0, 12, {1}), nothing.err
    assert "announce_version 12; done: nothing\n" in nothing.out


def test_a_run_that_failed_on_its_file_names_the_command_for_the_corrected_file_and_that_for_the_corrected_job(
    run: Any, query: Any, tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    """The run key hashes the file: with another content the run cannot be gone on with (R153)."""
    given = records(12, keys=12)
    given[7]["updated_at"] = "yesterday"
    failed = run(None, "--demo", given=given)
    job = f"{tmp_path}/project/statemachines/resource_sync/job.yaml"
    corrected = f"run {job} --param path={tmp_path / 'in.csv'} --demo"
    assert failed.err.splitlines()[-3:-1] == [
        f"  again   portl {corrected}  (a corrected file is other work: its run key differs)",
        f"  or      portl run {job} --resume {run_id(failed)} --demo  (the job corrected, the file as it was)",
    ], failed.err
    write_records(tmp_path / "in.csv", records(12, keys=12))
    ended = portl(tmp_path, *corrected.split(), *QUICK, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, query("SELECT count(*) FROM resources")) == (0, [(12,)]), ended.err


IN_CHUNKS = {"scope: db": "scope: chunk", 'run_key: "{{ checksum(params.path, params.version) }}"\n': ""}


def test_of_a_corrected_file_only_the_chunks_that_differ_are_done_again(run: Any, query: Any, peer: Peer) -> None:
    given = records(12, keys=12)
    given[11]["updated_at"] = "yesterday"
    failed = run(IN_CHUNKS, given=given)
    assert (failed.code, query("SELECT count(*) FROM resources")) == (1, [(10,)]), failed.err
    before = sent(peer)
    given[11]["updated_at"] = "2026-01-02T00:00:00Z"
    resumed = run(IN_CHUNKS, "--resume", run_id(failed), given=given)
    assert (resumed.code, query("SELECT count(*) FROM resources")) == (0, [(12,)]), resumed.err
    assert len(before) == 20
    assert (len(sent(peer)), set(sent(peer).values())) == (24, {1})
    assert "enrich 12, resource 10, latest_before 10" in resumed.out  # no function is asked for a date
    assert "; done: read_csv, resource, latest_before, " in resumed.out
    assert "announce_resource  api.call       10 reused, 2 called" in resumed.out


UPSERTS = """version: 2
job: j
params: {path: {type: string}}
connections: {db: {type: postgres, url: "${env:PG_URL}"}}
transaction: {scope: chunk, connection: db}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: put
    type: db.upsert
    batch: {from: "{{ steps.read.rows }}", as: row, size: 2}
    table: t
    key: [code]
    mapping: {code: "{{ row.code }}", n: {from: "{{ row.n }}", type: int}}
"""


def test_a_corrected_mapping_is_applied_to_what_was_committed_where_that_writes_nothing_twice(
    tmp_path: Path, postgres_url: str, query: Any
) -> None:
    job, file = project(tmp_path), tmp_path / "in.csv"
    query("CREATE TABLE t (code text UNIQUE, n int)")
    job.write_text(UPSERTS, "utf-8")
    file.write_text("code,n\na,1\nb,2\nc,x\nd,4\n", "utf-8")
    failed = portl(tmp_path, "run", str(job), "--param", f"path={file}", *QUICK, PG_URL=postgres_url)
    assert (failed.code, query("SELECT code, n FROM t ORDER BY code")) == (1, [("a", 1), ("b", 2)]), failed.err
    anyway = """n: {from: "{{ 0 if row.n == 'x' else 10 * (row.n | int) }}", type: int}"""
    job.write_text(UPSERTS.replace('n: {from: "{{ row.n }}", type: int}', anyway), "utf-8")
    resumed = portl(tmp_path, "run", str(job), "--resume", run_id(failed), *QUICK, PG_URL=postgres_url)
    assert resumed.code == 0, resumed.err
    assert query("SELECT code, n FROM t ORDER BY code") == [("a", 10), ("b", 20), ("c", 0), ("d", 40)]
    assert query("SELECT count(*), count(DISTINCT run) FROM portl_ledger") == [(2, 1)]
    assert "put   db.upsert      2 updated, 2 inserted" in resumed.out


def test_a_run_that_was_killed_goes_on_where_it_was(
    run: Any, query: Any, peer: Peer, tmp_path: Path, postgres_url: str
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 429, "retry_after": 60, "every": 14})
    job = project(tmp_path, SMALL)
    file = write_records(tmp_path / "in.csv", records(12, keys=12))
    arguments = ("run", str(job), "--param", f"path={file}", "--init-db", "--host", "inline")
    process = start(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: len(peer.calls()) >= 14, 60)
    process.kill()
    process.communicate()
    (killed,) = [path.name for path in (tmp_path / "runs").iterdir() if path.name != "specs"]
    rows = query(ROWS)
    httpx.post(f"{peer.url}/_script", json={"status": 429, "every": 1000})
    resumed = run(None, "--resume", killed)
    assert (resumed.code, query(ROWS), len(sent(peer))) == (0, rows, 24), resumed.err
    first_chunk = [count for (path, _), count in sent(peer).items() if count > 1]
    assert len(first_chunk) <= 4
    assert "  reused of" in resumed.out


@pytest.mark.parametrize("scope", ["db", "chunk"])
def test_a_run_that_fails_anywhere_and_is_resumed_leaves_what_a_calm_run_leaves(
    run: Any, query: Any, peer: Peer, scope: str
) -> None:
    """Calls are refused here and there, again and again; each time the run is resumed until it ends well."""
    change = {"scope: db": f"scope: {scope}"}
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 7, "times": 3})
    ended, runs = run(change), 1
    while ended.code:
        ended, runs = run(change, "--resume", run_id(ended)), runs + 1
        assert runs < 9, ended.err
    assert runs == 4
    wanted = expected(records(12, keys=12), lambda record: load_function("ingestor")(record, None))
    assert sorted(query(RESOURCES)) == wanted.resources
    assert sorted(query(VERSIONS)) == wanted.versions
    answered = [call for call in peer.calls() if call["status"] < 400 and "idempotency-key" in call["headers"]]
    assert (len(answered), set(sent(peer).values())) == (24, {1})


REFUSALS = {
    "of a run that is not": (("--resume", "resource_sync-1999"), "there is no run resource_sync-1999"),
    "with another value": (("--resume", "last", "--param", "path=other.csv"), 'R154 the parameter "path" was'),
    "as new work": (("--resume", "last", "--new-key"), "leave out --new-key and --dry-run"),
    "from a step that is not": (("--from", "announce"), "--from: the job has no step announce"),
}


def test_what_cannot_be_gone_on_with_is_refused_before_anything_is_done(run: Any, tmp_path: Path) -> None:
    first = run()
    runs = sorted((tmp_path / "runs").iterdir())
    told = {name: run(None, *arguments) for name, (arguments, _) in REFUSALS.items()}
    said = {name: (ended.code, REFUSALS[name][1] in ended.err) for name, ended in told.items()}
    assert said == dict.fromkeys(REFUSALS, (2, True)), told
    changed = run(None, "--resume", run_id(first), given=records(3, keys=3))
    assert (changed.code, "R153 the run key is" in changed.err, "without --resume" in changed.err) == (2, True, True), (
        changed.err
    )
    anew = f"portl run {tmp_path}/project/statemachines/resource_sync/job.yaml --param path={tmp_path / 'in.csv'}"
    assert changed.err.splitlines()[-1] == f"  {anew}"
    assert "Usage:" not in changed.err, "the command line is right, and what it asks for cannot be done"
    assert "Usage:" in told["from a step that is not"].err
    other = project(tmp_path, {"job: resource_sync": "job: another"})
    refused = portl(tmp_path, "run", str(other), "--resume", run_id(first))
    assert (refused.code, f"R152 {run_id(first)} is a run of resource_sync" in refused.err) == (2, True), refused.err
    assert sorted((tmp_path / "runs").iterdir()) == runs


def test_a_run_that_is_running_is_not_gone_on_with(run: Any, tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 429, "retry_after": 60, "every": 4})
    job = project(tmp_path, SMALL)
    file = write_records(tmp_path / "in.csv", records(12, keys=12))
    arguments = ("run", str(job), "--param", f"path={file}", "--init-db", "--host", "inline")
    process = start(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: len(peer.calls()) >= 4, 60)
    refused = run(None, "--resume", "last")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (refused.code, "is still running: wait for its end" in refused.err) == (2, True), refused.err
    assert (process.returncode, " --resume resource_sync-" in err) == (130, True), err


def test_of_a_corrected_call_only_what_asks_something_else_is_sent_again(run: Any, query: Any, peer: Peer) -> None:
    """Record 8 cannot say its name; once the call is corrected, what the others ask is the same as before."""
    code = records(12, keys=12)[7]["code"]
    right = '      name: "{{ row.name }}"\n      slug: "{{ steps.enrich[idx].slug }}"\n'
    right += '      md5: "{{ steps.enrich[idx].md5 }}"\n    retry'
    wrong = right.replace("row.name", f"row.name if row.code != '{code}' else row.nickname")
    failed = run({right: wrong})
    assert (failed.code, "announce_resource (api.call), record 8" in failed.err) == (1, True), failed.err
    before = sent(peer)
    resumed = run(None, "--resume", run_id(failed))
    assert resumed.code == 0, resumed.err
    assert (len(sent(peer)), set(sent(peer).values())) == (24, {1})
    again = sum(path == "/resources" for path, _ in before)
    assert f"announce_resource  api.call       {again} reused, {12 - again} called" in resumed.out


MOVED = """version: 2
job: j
params: {path: {type: string}}
connections: {api: {type: http, base_url: "${env:NOTIFY_URL}"}}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: tell
    type: api.call
    batch: {from: "{{ steps.read.rows }}", as: row, size: 2}
    concurrency: 1
    method: POST
    path: "/tell/{{ row.code }}"
    json: {n: "{{ 12 // (row.n | int) }}"}
"""


def test_another_record_in_the_place_of_one_that_was_called_for_goes_out_under_a_key_of_its_own(
    tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    folder = project(tmp_path).parent
    (folder / "job.yaml").write_text(MOVED, "utf-8")
    file = tmp_path / "moved.csv"

    def go(rows: str, *options: str) -> Ended:
        file.write_text(f"code,n\n{rows}", "utf-8")
        return portl(tmp_path, "run", str(folder / "job.yaml"), *options, *QUICK, PG_URL=postgres_url, NOTIFY_URL=peer.url)

    first = go("a,1\nb,2\nc,3\nd,0\n", "--param", f"path={file}")
    second = go("a,1\nc,3\ne,0\nf,4\n", "--resume", run_id(first))
    third = go("a,1\nc,3\ne,5\nf,4\n", "--resume", run_id(second))
    assert [first.code, second.code, third.code] == [1, 1, 0], third.err
    calls = sent(peer)
    paths = Counter(path for path, _ in calls)
    keys = Counter(key for _, key in calls)
    assert (set(keys.values()), set(paths.values())) == ({1}, {1}), "a key stands for one record, and a record has one key"
    assert {path: calls[path, key] for path, key in calls} == {f"/tell/{code}": 1 + (code == "c") for code in "abcef"}
