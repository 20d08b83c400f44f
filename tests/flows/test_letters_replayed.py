"""What was kept aside is done again once its cause is mended, and ends as if it had never failed (jobs.md J2, R1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.dead_letters import DOUBLE, FIRST, SCOPE_CHUNK, SECOND, TELL, Api, Ran, run_job, serving, variables, write_job
from flows.support import Ended, portl

STEPS = DOUBLE + FIRST + SECOND + TELL
T, U = "SELECT code, n FROM t ORDER BY code", "SELECT u.code, t.code FROM u JOIN t ON t.id = u.t ORDER BY u.code"
RECORDS = "\n".join(["code,n", *(f"{code},{at}" for at, code in enumerate("abcdefghi", 1)), ""])
"""``c`` is the third, which the careful function refuses while a file named poison is there; ``g`` is refused by the API."""


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as found:
        yield found


class Poisoned:
    """A run with a record kept aside by its function, one by a constraint and one by its API; and its mending."""

    def __init__(self, tmp_path: Path, url: str, api: Api, query: Any, head: str) -> None:
        self.tmp_path, self.given, self.api = tmp_path, variables(url, api.url), api
        folder, self.file = write_job(tmp_path, STEPS, RECORDS, head, "careful")
        self.poison = folder / "poison"
        self.poison.touch()
        query((folder / "schema.sql").read_text("utf-8"))
        query("ALTER TABLE u ADD CONSTRAINT never_e CHECK (code <> 'e')")
        api.refusals["/tell/g"] = [(422, None)]
        self.ran: Ran = run_job(tmp_path, folder, self.file, self.given)

    def command(self, *arguments: str) -> Ended:
        return portl(self.tmp_path, *arguments, **self.given)

    def replay(self, *more: str) -> Ended:
        project = str(self.tmp_path / "p")
        return self.command("runs", "replay", self.ran.folder.name, "--project", project, "--host", "inline", *more)


@pytest.fixture
def poisoned(tmp_path: Path, postgres_url: str, api: Api, query: Any) -> Poisoned:
    return Poisoned(tmp_path, postgres_url, api, query, SCOPE_CHUNK)


def rows(query: Any) -> tuple[Any, Any]:
    return query(T), query(U)


def test_all_that_failed_is_brought_through_once_its_causes_are_mended(poisoned: Poisoned, query: Any, api: Api) -> None:
    assert poisoned.ran.told("step", "record", "from") == [("double", 2, "double"), ("second", 4, "first"), ("tell", 6, "tell")]
    assert len(query(T)) == 7
    planned = poisoned.replay("--all-failed", "--plan")
    assert (planned.code, len(query(T))) == (0, 7), planned.err
    poisoned.poison.unlink()
    query("ALTER TABLE u DROP CONSTRAINT never_e")
    ended = poisoned.replay("--all-failed")
    assert ended.code == 0, ended.err
    codes = [*"abcdefghi"]
    assert rows(query) == ([(code, 2 * at) for at, code in enumerate(codes, 1)], [(code, code) for code in codes])
    answered = sorted(path for path, status, _ in api.calls if status == 200)
    assert answered == [f"/tell/{code}" for code in codes]
    shown = poisoned.command("runs", "show", poisoned.ran.folder.name, "--project", str(poisoned.tmp_path / "p"), "--failed")
    assert "no dead letters" in shown.err
    again = poisoned.replay("--all-failed")
    assert (again.code, "no record" in again.out, len(api.calls)) == (0, True, 10)


def test_what_fails_again_stays_open_writes_nothing_and_keeps_nobody_else_back(poisoned: Poisoned, query: Any) -> None:
    poisoned.poison.unlink()
    ended = poisoned.replay("--all-failed")
    assert ended.code == 0, ended.err
    assert [letter["record"] for letter in poisoned.ran.letters] == [4]
    assert [code for code, _ in query(T)] == [*"abcdfghi"]
    query("ALTER TABLE u DROP CONSTRAINT never_e")
    assert poisoned.replay("--all-failed").code == 0
    assert (poisoned.ran.letters, [code for code, _ in query(U)]) == ([], [*"abcdefghi"])


def test_a_replay_names_its_run_to_be_replayed_again_and_stands_for_it(poisoned: Poisoned, api: Api) -> None:
    """The replay has not the other records, so it cannot be replayed itself; and what began as a demo goes on as one."""
    poisoned.poison.unlink()
    base = poisoned.ran.folder.name
    assert f"    portl runs replay {base} --all-failed  does them again\n" in poisoned.ran.ended.out
    replayed = poisoned.replay("--all-failed", "--demo")
    again = f"portl runs replay {base} --all-failed --demo"
    assert (replayed.code, f"    {again}  does them again\n" in replayed.out) == (0, True), replayed.out
    within = ("--project", str(poisoned.tmp_path / "p"))
    made = next(run for run in listed(poisoned, *within) if run["job"] == "j" and list_letters(poisoned, run["run"]))
    shown = [poisoned.command("runs", "show", made["run"], *more, *within).out for more in ((), ("--failed",))]
    page = (Path(made["folder"]) / "index.html").read_text("utf-8")
    assert [again in text for text in (*shown, page)] == [True, True, True], shown
    once_more = poisoned.command("runs", "replay", made["run"], "--all-failed", "--host", "inline", *within)
    assert (once_more.code, f"{made['run']} is a replay of some records of {base}" in once_more.err) == (0, True), once_more.err


def test_a_record_that_fails_in_a_replay_only_is_named_by_its_step_and_number(poisoned: Poisoned, query: Any) -> None:
    poisoned.poison.unlink()
    query("ALTER TABLE u DROP CONSTRAINT never_e")
    assert poisoned.replay("--all-failed").code == 0
    poisoned.api.refusals["/tell/b"] = [(422, None)]
    replayed = poisoned.replay("--step", "tell", "--item", "2")
    again = f"portl runs replay {poisoned.ran.folder.name} --step tell --item 2"
    assert (replayed.code, f"    {again}" in replayed.out) == (0, True), replayed.out


def listed(poisoned: Poisoned, *within: str) -> list[dict[str, Any]]:
    """The runs, newest first."""
    found: list[dict[str, Any]] = json.loads(poisoned.command("runs", "list", "--json", *within).out)
    return found


def list_letters(poisoned: Poisoned, run: str) -> list[Path]:
    """The files of a run's dead letters that hold some."""
    return [file for file in (poisoned.tmp_path / "runs" / run / "dead").glob("*/*.jsonl") if file.stat().st_size]


def test_a_record_that_fails_again_before_a_unit_is_not_taken_for_done_by_it(poisoned: Poisoned, query: Any, api: Api) -> None:
    """The function still refuses the third record when it is replayed first: nothing may say that its rows are written."""
    query("ALTER TABLE u DROP CONSTRAINT never_e")
    for _ in range(2):
        ended = poisoned.replay("--all-failed")
        assert (ended.code, "answered as before" in ended.out) == (0, False), ended.out
        assert [letter["record"] for letter in poisoned.ran.letters] == [2]
    poisoned.poison.unlink()
    ended = poisoned.replay("--all-failed")
    assert (ended.code, poisoned.ran.letters) == (0, []), ended.err
    codes = [*"abcdefghi"]
    assert rows(query) == ([(code, 2 * at) for at, code in enumerate(codes, 1)], [(code, code) for code in codes])
    assert sorted(path for path, status, _ in api.calls if status == 200) == [f"/tell/{code}" for code in codes]


PUT = (
    '  - {id: put, type: db.upsert, batch: {from: "{{ steps.read.rows }}", as: row, size: 4}, on_error: dead_letter, table: t,'
    ' key: [code], mapping: {code: "{{ row.code }}", n: {from: "{{ row.n }}", type: int}}}\n'
)


def test_the_plan_of_a_replay_shows_which_records_would_be_kept_aside_once_more(
    tmp_path: Path, postgres_url: str, api: Api
) -> None:
    given = variables(postgres_url, api.url)
    folder, file = write_job(tmp_path, PUT, "code,n\na,1\nb,x\nc,200\nd,4\ne,y\n", SCOPE_CHUNK)
    ran = run_job(tmp_path, folder, file, given)
    within = ("--project", str(tmp_path / "p"), "--all-failed", "--plan")
    planned = portl(tmp_path, "runs", "replay", ran.folder.name, *within, **given)
    assert (planned.code, len(ran.letters)) == (0, 3), planned.err
    told = [line.strip() for line in planned.out.splitlines() if line.strip() and "INSERT" not in line]
    assert told[2:] == [
        "begin on db, locking t",
        "put  db.upsert, db, table t",
        "2 kept aside: M102 n cannot be int: 'x'",
        '3 $1 code="c"  $2 n=200',
        "5 kept aside: M102 n cannot be int: 'y'",
        "commit on db",
    ]


def test_a_resumed_run_says_that_it_tried_nothing_again_that_was_kept_aside(poisoned: Poisoned, api: Api) -> None:
    poisoned.poison.unlink()
    calls = len(api.calls)
    resumed = poisoned.command(
        "run", str(poisoned.file.parent), "--resume", poisoned.ran.folder.name, "--host", "inline", "--demo"
    )
    assert (resumed.code, len(api.calls)) == (0, calls), resumed.err
    (reused, aside) = [line for line in resumed.out.splitlines() if "; done: " in line or "kept aside before" in line]
    assert reused.endswith("; done: nothing")
    run = resumed.err.split()[1]
    assert aside == f"  3 kept aside before, not tried again: portl runs replay {run} --all-failed --demo"
    poisoned.ran.folder = poisoned.tmp_path / "runs" / run
    assert poisoned.replay("--all-failed").code == 0
    assert [letter["record"] for letter in poisoned.ran.letters] == [4]


def test_a_record_is_not_replayed_from_behind_the_step_that_kept_it_aside(poisoned: Poisoned) -> None:
    refused = poisoned.replay("--step", "tell", "--item", "3")
    assert (refused.code, "replay it with --step double" in refused.err) == (2, True), refused.err


def test_a_secret_that_is_part_of_a_name_hides_no_run_and_no_letter(tmp_path: Path, postgres_url: str, api: Api) -> None:
    given = {**variables(postgres_url, api.url), "PORTL_SECRET_API_TOKEN": "shop"}
    folder, file = write_job(tmp_path, TELL.replace("id: tell", "id: tell_shop"), RECORDS)
    job = folder / "job.yaml"
    job.write_text(job.read_text("utf-8").replace("job: j", "job: shop_sync"), "utf-8")
    api.refusals["/tell/c"] = [(422, None)]
    quick, within = ("--host", "inline", "--time-scale", "0.01"), ("--project", str(tmp_path / "p"))
    assert portl(tmp_path, "run", str(job), "--param", f"path={file}", *quick, **given).code == 0
    (made,) = (tmp_path / "runs").glob("shop_sync-*")
    [listed] = json.loads(portl(tmp_path, "runs", "list", "--json", *within, **given).out)
    assert (listed["run"], listed["job"], listed["status"]) == (made.name, "shop_sync", "SUCCEEDED")
    [letter] = json.loads(portl(tmp_path, "runs", "show", "last", "--failed", "--json", *within, **given).out)
    assert (letter["step"], letter["from"], letter["record"]) == ("tell_shop", "tell_shop", 2)
    replayed = portl(tmp_path, "runs", "replay", "last", "--all-failed", *within, *quick, **given)
    assert replayed.code == 0, replayed.err
    assert [status for path, status, _ in api.calls if path == "/tell/c"] == [422, 200]
