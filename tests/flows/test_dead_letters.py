"""A poison record is kept aside and its neighbours go on: ``on_error: dead_letter`` (jobs.md J2)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.dead_letters import (
    ASIDE,
    DOUBLE,
    EACH,
    FIRST,
    SCOPE_CHUNK,
    SCOPE_DB,
    SECOND,
    SECRET,
    TELL,
    Api,
    Ran,
    Run,
    run_job,
    serving,
    variables,
    write_job,
)
from flows.support import environment, portl
from flows.test_failures import until

HOSTS = ["inline", "workers", pytest.param("isolate", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only"))]
T, U = "SELECT code, n FROM t ORDER BY code", "SELECT u.code, t.code FROM u JOIN t ON t.id = u.t ORDER BY u.code"


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as found:
        yield found


@pytest.fixture
def run(tmp_path: Path, postgres_url: str, api: Api) -> Run:
    def go(steps: str, rows: str, *options: str, head: str = "", function: str = "double", host: str = "inline") -> Ran:
        folder, file = write_job(tmp_path, steps, rows, head, function)
        return run_job(tmp_path, folder, file, variables(postgres_url, api.url), *options, host=host)

    return go


POISON = ["c,x", "a,5", "g,0"]
"""A record that the function refuses, one that a constraint refuses, and one that an expression fails on."""
RECORDS = ["a,1", "b,2", POISON[0], "d,4", POISON[1], "f,6", POISON[2], "h,8", "i,9"]


def rows(records: list[str]) -> str:
    return "\n".join(["code,n", *records, ""])


def test_neighbours_rows_and_calls_are_those_of_a_run_without_the_poison_records(run: Run, query: Any, api: Api) -> None:
    steps = DOUBLE + FIRST + SECOND + TELL
    poisoned = run(steps, rows(RECORDS), head=SCOPE_CHUNK)
    found = query(T), query(U), sorted(api.calls)
    assert poisoned.ended.code == 0, poisoned.ended.err
    assert poisoned.told("step", "record", "line", "from", "attempt", "code") == [
        ("double", 2, 4, "double", 1, "L101"),
        ("second", 4, 6, "first", 1, "D103"),
        ("tell", 6, 8, "tell", 0, "T105"),
    ]
    assert poisoned.counts == {
        "read": {"read": 9},
        "double": {"invoked": 8, "failed": 1},
        "first": {"inserted": 7, "failed before": 1, "rolled back": 1},
        "second": {"inserted": 7, "failed before": 1, "failed": 1},
        "tell": {"called": 6, "failed before": 2, "failed": 1},
    }
    assert poisoned.failed_in_chunks() == 3
    query("TRUNCATE t, u")
    api.calls.clear()
    without = run(steps, rows([record for record in RECORDS if record not in (POISON[0], POISON[1])]), head=SCOPE_CHUNK)
    assert without.told("step", "record") == [("tell", 4)]
    assert found == (query(T), query(U), sorted(api.calls))


def test_a_letter_holds_what_is_needed_to_do_the_record_again_and_no_secret(run: Run, api: Api) -> None:
    api.refusals["/tell/b"] = [(422, None)]
    ran = run(TELL, rows(["a,1", f"b,{SECRET}", "b,2"]))
    first, second = ran.letters
    assert (first["error"]["code"], second["error"]["detail"]["status"]) == ("T105", 422)
    key = {"Idempotency-Key": second["request"]["headers"]["Idempotency-Key"]}
    assert second["request"] == {
        "step": "tell",
        "record": 2,
        "kind": "request",
        "connection": "api",
        "method": "POST",
        "url": f"{api.url}/tell/b",
        "headers": {"Authorization": "Bearer ***", **key, "Content-Type": "application/json"},
        "json": {"n": 50},
    }
    assert {name: second[name] for name in ("step", "record", "line", "attempt", "from", "value")} == {
        "step": "tell",
        "record": 2,
        "line": 4,
        "attempt": 1,
        "from": "tell",
        "value": {"code": "b", "n": "2"},
    }
    assert first["value"] == {"code": "b", "n": "***"}
    kept = [file for file in ran.folder.rglob("*") if file.is_file() and not str(file).startswith(str(ran.folder / "results"))]
    assert [file for file in kept if SECRET.encode() in file.read_bytes()] == []


def test_a_secret_that_is_a_number_hides_no_records_index(tmp_path: Path, postgres_url: str, api: Api) -> None:
    folder, file = write_job(tmp_path, TELL, rows(["a,5", "b,0"]))
    ran = run_job(tmp_path, folder, file, {**variables(postgres_url, api.url), "PORTL_SECRET_API_TOKEN": "1"})
    assert ran.told("step", "record", "line") == [("tell", 1, 3)]


@pytest.mark.parametrize("host", HOSTS)
def test_a_poison_record_and_one_that_must_wait_in_one_chunk_are_each_called_as_often_as_it_takes(
    run: Run, api: Api, host: str
) -> None:
    api.refusals |= {"/tell/b": [(422, None)], "/tell/c": [(429, 7)]}
    after = f'  - {{id: after, type: api.call, {EACH}, method: POST, path: "/after/{{{{ row.code }}}}"}}\n'
    ran = run(TELL + after, rows(["a,1", "b,2", "c,3", "d,4"]), host=host)
    assert ran.ended.code == 0, ran.ended.err
    assert ran.told("step", "record", "code") == [("tell", 1, "H101")]
    told = sorted((path, status) for path, status, _ in api.calls if path.startswith("/tell"))
    assert told == [("/tell/a", 200), ("/tell/b", 422), ("/tell/c", 200), ("/tell/c", 429), ("/tell/d", 200)]
    assert sorted(path for path, _, _ in api.calls if path.startswith("/after")) == ["/after/a", "/after/c", "/after/d"]
    assert [each["stateEnteredEventDetails"]["name"] for each in ran.events("WaitStateEntered")] == ["tell waits as told"]
    assert ran.failed_in_chunks() == 1


def test_retries_of_a_record_come_before_its_letter(run: Run, api: Api) -> None:
    api.refusals["/tell/a"] = [(503, None)] * 3
    tell = TELL.replace("concurrency", "retry: {max_attempts: 3, backoff_ms: 1}, concurrency")
    ran = run(tell, rows(["a,1", "b,2"]))
    assert ran.told("record", "attempt") == [(0, 3)]
    assert [status for path, status, _ in api.calls if path == "/tell/a"] == [503, 503, 503]


def test_a_record_that_many_at_once_fail_beside_is_still_the_only_one_kept_aside(run: Run, api: Api) -> None:
    api.refusals["/tell/r5"] = [(422, None)]
    given = rows([f"r{at},{at + 1}" for at in range(12)])
    ran = run(TELL.replace("concurrency: 1", "concurrency: 6").replace("size: 4", "size: 12"), given)
    assert ran.told("record") == [(5,)]
    assert len(api.calls) == 12


@pytest.mark.parametrize("host", HOSTS[1:])
def test_what_a_killed_function_had_under_way_is_kept_aside_and_other_chunks_go_on(
    run: Run, query: Any, api: Api, host: str
) -> None:
    steps = DOUBLE + FIRST + TELL
    ran = run(steps, rows(["a,1", "b,2", "c,3", "d,4", "e,5", "f,x", "g,7", "h,8", "i,9"]), function="deadly", host=host)
    assert ran.ended.code == 0, ran.ended.err
    assert ran.told("step", "record", "from", "attempt", "code", "request") == [
        ("double", record, "double", 6, "R113", None) for record in (4, 5, 6, 7)
    ]
    assert query(T) == [("a", 2), ("b", 4), ("c", 6), ("d", 8), ("i", 18)]
    assert sorted(path for path, _, _ in api.calls) == ["/tell/a", "/tell/b", "/tell/c", "/tell/d", "/tell/i"]
    assert "Runtime.ExitError" in ran.letters[0]["error"]["message"]
    assert ran.failed_in_chunks() == 4


SLOW = """
import pathlib, time
def double(event, _):
    pathlib.Path(__file__).with_name("began").touch()
    time.sleep(60)
"""


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_interrupted_run_leaves_no_letters(tmp_path: Path, postgres_url: str, api: Api, at_once: int) -> None:
    folder, file = write_job(tmp_path, DOUBLE.replace("concurrency: 1", f"concurrency: {at_once}"), rows(["a,1", "b,2"]))
    (folder / "f.py").write_text(SLOW, "utf-8")
    command = [sys.executable, "-c", "from portl_cli.main import main; main()", "run", str(folder), "--param", f"path={file}"]
    given = environment(tmp_path, variables(postgres_url, api.url))
    with subprocess.Popen(command, env=given, cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        until((folder / "began").exists)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
    assert [*(tmp_path / "runs").glob("*/dead/*/*")] == []


def test_later_maps_and_a_transaction_over_all_records_leave_out_what_failed_before(run: Run, query: Any, api: Api) -> None:
    ran = run(DOUBLE + FIRST + TELL, rows(["a,1", "b,x", "c,3"]), head=SCOPE_DB)
    assert ran.ended.code == 0, ran.ended.err
    assert (query(T), sorted(path for path, _, _ in api.calls)) == ([("a", 2), ("c", 6)], ["/tell/a", "/tell/c"])
    assert {step: counts for step, counts in ran.counts.items() if step != "read"} == {
        "double": {"invoked": 2, "failed": 1},
        "first": {"inserted": 2, "failed before": 1},
        "tell": {"called": 2, "failed before": 1},
    }


def test_a_second_run_of_the_key_keeps_what_the_first_one_committed_without(
    run: Run, query: Any, api: Api, tmp_path: Path
) -> None:
    """The unit is answered as before, so a record it committed without is not done: it stays a letter, never forgotten."""
    steps, given, head = DOUBLE + FIRST + TELL, rows(["a,1", "b,3", "c,4"]), 'run_key: "k"\n' + SCOPE_DB
    poison = tmp_path / "p" / "statemachines" / "j" / "poison"
    poison.parent.mkdir(parents=True)
    poison.touch()
    assert run(steps, given, head=head, function="careful").told("step", "record") == [("double", 1)]
    poison.unlink()
    again = run(steps, given, head=head, function="careful")
    assert again.ended.code == 0, again.ended.err
    assert again.told("step", "record", "from") == [("double", 1, "double")]
    assert query(T) == [("a", 2), ("c", 8)]
    assert "/tell/b" not in {path for path, _, _ in api.calls}
    assert "1 record failed: dead letters of double" in again.ended.out
    anew = run(steps, given, "--new-key", head=head, function="careful")
    assert (anew.letters, query(T)) == ([], [("a", 2), ("b", 6), ("c", 8)])


def test_a_second_run_of_the_key_finds_the_letters_of_a_unit_that_is_answered_as_before(run: Run, query: Any) -> None:
    steps, given, head = FIRST.replace("steps.double[idx].n", "row.n") + SECOND, rows([*RECORDS[:2], "a,5"]), 'run_key: "k"\n'
    first = run(steps, given, head=head + SCOPE_CHUNK)
    again = run(steps, given, head=head + SCOPE_CHUNK)
    assert [(letter["step"], letter["record"], letter["at"]) for letter in again.letters] == first.told("step", "record", "at")
    assert again.counts["second"] == {"answered as before": 2, "failed": 1}
    replayed = first.folder / "replayed" / "second" / "2.json"
    replayed.parent.mkdir(parents=True)
    replayed.write_text('{"run": "another"}', "utf-8")
    assert run(steps, given, head=head + SCOPE_CHUNK).letters == []
    assert (len(first.letters), query(U)) == (1, [("a", "a"), ("b", "b")])


def test_a_step_of_the_unit_that_says_fail_still_fails(run: Run, query: Any) -> None:
    ran = run(DOUBLE + FIRST + SECOND, rows(["a,1", "b,70", "c,3"]), head=SCOPE_CHUNK)
    assert (ran.ended.code, ran.letters, query(T)) == (1, [], [])
    assert "failed in first (db.upsert), record 2" in ran.ended.err


def test_a_table_that_is_not_there_ends_the_run(run: Run) -> None:
    ran = run(SECOND.replace("steps.first[idx].id", "1").replace("table: u", "table: nowhere"), rows(["a,1"]))
    assert (ran.ended.code, ran.letters) == (1, []), ran.ended.out
    assert "D105" in ran.ended.err


def test_a_call_inside_the_transaction_is_told_in_the_letter(run: Run, query: Any, api: Api) -> None:
    tell = TELL.replace(f", {ASIDE}", "")
    second = SECOND.replace("steps.first[idx].id", "steps.tell[idx].status").replace("table: u,", "table: u,")
    head = "transaction: {scope: chunk, connection: db, external: inline}\n"
    ran = run(FIRST.replace("steps.double[idx].n", "row.n") + tell + second, rows(["a,1", "b,2", "a,3"]), head=head)
    assert ran.told("step", "record", "from", "called") == [("second", 2, "first", ["tell"])], ran.ended.err
    assert query(T) == [("a", 1), ("b", 2)]
    assert [path for path, _, _ in api.calls] == ["/tell/a", "/tell/b", "/tell/a"]


CHOOSE = f"""\
  - id: choose
    type: conditional
    {EACH}
    {ASIDE}
    if: "{{{{ row.n | int > 2 }}}}"
    then:
      - {{id: big, type: api.call, method: POST, path: "/big/{{{{ row.code }}}}"}}
    else:
      - {{id: small, type: api.call, method: POST, path: "/small/{{{{ row.code }}}}", {ASIDE}}}
"""


def test_a_condition_that_cannot_be_answered_is_a_letter(run: Run, api: Api) -> None:
    steps = CHOOSE + TELL.replace("concurrency", "when: \"{{ row.n != '4' }}\", concurrency")
    api.refusals["/small/b"] = [(400, None)]
    ran = run(steps, rows(["a,1", "b,2", "c,x", "d,4", "e,5"]))
    assert ran.ended.code == 0, ran.ended.err
    assert ran.told("step", "record", "code") == [("choose", 2, "T105"), ("small", 1, "H101")]
    called = sorted(path for path, status, _ in api.calls if status == 200)
    assert called == ["/big/d", "/big/e", "/small/a", "/tell/a", "/tell/e"]
    assert ran.failed_in_chunks() == 2


def test_the_same_key_twice_in_a_chunk_is_inserted_and_then_updated(run: Run, query: Any) -> None:
    """A savepoint around each record changes nothing of what an upsert says."""
    first = FIRST.replace("steps.double[idx].n", "row.n").replace("table: t", f"{ASIDE}, table: t")
    ran = run(first, rows(["a,1", "a,2", "b,700", "a,3"]))
    assert ran.counts["first"] == {"inserted": 1, "updated": 2, "failed": 1}
    assert query(T) == [("a", 3)]


def test_runs_show_lists_what_failed_and_the_page_has_it(run: Run, tmp_path: Path, api: Api) -> None:
    api.refusals["/tell/b"] = [(422, None)]
    ran = run(TELL, rows(["a,1", "b,2", "c,0"]))
    name = ran.folder.name
    assert f"  2 records failed: dead letters of tell\n    portl runs show {name} --failed" in ran.ended.out
    shown = portl(tmp_path, "runs", "show", "last", "--failed")
    assert shown.out.splitlines()[:2] == [
        f"tell, record 2, {ran.letters[0]['file']} line 3",
        f"  cause   H101 {ran.letters[0]['error']['message']}",
    ]
    assert f"  request POST {api.url}/tell/b" in shown.out
    assert json.loads(portl(tmp_path, "runs", "show", "last", "--failed", "--json").out) == ran.letters
    page = (ran.folder / "index.html").read_text("utf-8")
    assert [text in page for text in ("Dead letters", "tell, record 2", "H101", "2 kept aside", SECRET)] == [*[True] * 4, False]
    assert json.loads((ran.folder / "ended.json").read_text("utf-8"))["dead_letters"] == {"tell": 2}


def test_a_plan_shows_what_would_be_a_letter_and_goes_on(tmp_path: Path, postgres_url: str, api: Api) -> None:
    folder, file = write_job(tmp_path, TELL, rows(["a,1", "b,0", "c,2"]))
    planned = portl(tmp_path, "plan", str(folder), "--param", f"path={file}", **variables(postgres_url, api.url))
    assert planned.code == 0, planned.err
    assert "kept aside: T105 {{ 100 // (row.n | int) }} failed: integer division or modulo by zero" in planned.out
    assert (f"POST {api.url}/tell/c" in planned.out, api.calls) == (True, [])


def test_a_function_whose_answer_is_no_json_is_kept_aside_alone(run: Run, query: Any) -> None:
    insert = SECOND.replace("steps.first[idx].id", "steps.double[idx].n")
    ran = run(DOUBLE + insert, rows(["a,nan", "b,half", "c,3"]), head=SCOPE_CHUNK, function="odd")
    assert ran.ended.code == 0, ran.ended.err
    assert ran.told("step", "record", "code") == [("double", 0, "T106"), ("double", 1, "T106")]
    assert query("SELECT code, t FROM u") == [("c", 3)]


def test_an_address_that_is_none_is_its_records_fault_alone(run: Run, api: Api) -> None:
    go = TELL.replace('path: "/tell/{{ row.code }}"', 'url: "{{ row.code }}"')
    ran = run(go, rows(["http://[bad/x,1", "http://u:p@[::1,2", "/ok,3"]))
    assert ran.ended.code == 0, ran.ended.err
    assert ([record for (record,) in ran.told("record")], [path for path, *_ in api.calls]) == ([0, 1], ["/ok"])
