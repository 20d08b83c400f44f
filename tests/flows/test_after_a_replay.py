"""What a replay has brought through stays done: no later run does it again, or fails because it has no results (X3, R1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.dead_letters import (
    ASIDE,
    DOUBLE,
    FIRST,
    SCOPE_CHUNK,
    SECOND,
    TELL,
    Api,
    Ran,
    run_job,
    serving,
    variables,
    write_job,
)
from flows.support import portl

RECORDS = "\n".join(["code,n", *(f"{code},{at}" for at, code in enumerate("abcdefghi", 1)), ""])
STAGED = "transaction: {scope: db, connection: db, staging: true}\n"
KEY = 'run_key: "{{ params.path }}"\n'
INSERTED = FIRST.replace("db.upsert", "db.insert").replace("key: [code],", "")
STRICT_TELL = TELL.replace(f"{ASIDE}, ", "").replace("100 // (row.n | int)", "steps.double[idx].n")
INSERT = SECOND.replace("steps.first[idx].id", "row.n | int")
TELL_ID = TELL.replace("100 // (row.n | int)", "steps.second[idx].id")


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as found:
        yield found


def replay_all(tmp_path: Path, ran: Ran, given: Any) -> None:
    arguments = ("runs", "replay", ran.folder.name, "--project", str(tmp_path / "p"), "--host", "inline", "--all-failed")
    ended = portl(tmp_path, *arguments, **given)
    assert ended.code == 0, ended.err


def answered(api: Api) -> list[str]:
    return sorted(path for path, status, _ in api.calls if status == 200)


@pytest.mark.parametrize(("database", "head"), [("", ""), (INSERTED, SCOPE_CHUNK)], ids=["calls", "inserts"])
def test_a_run_that_failed_is_resumed_after_a_replay_and_leaves_out_what_that_brought_through(
    tmp_path: Path, postgres_url: str, query: Any, api: Api, database: str, head: str
) -> None:
    given = variables(postgres_url, api.url)
    folder, file = write_job(tmp_path, DOUBLE + database + STRICT_TELL, RECORDS, head, "careful")
    (folder / "poison").touch()
    api.refusals["/tell/g"] = [(422, None)]
    failed = run_job(tmp_path, folder, file, given)
    assert (failed.ended.code, failed.told("step", "record")) == (1, [("double", 2)])
    (folder / "poison").unlink()
    replay_all(tmp_path, failed, given)
    resumed = run_job(tmp_path, folder, file, given, "--resume", failed.folder.name)
    assert resumed.ended.code == 0, resumed.ended.err
    assert answered(api) == [f"/tell/{code}" for code in "abcdefghi"]
    codes = [code for (code,) in query("SELECT code FROM t ORDER BY code")]
    assert (codes, resumed.letters) == ([*"abcdefghi"] if database else [], [])


def test_a_second_run_of_the_key_does_not_fail_on_what_a_replay_has_brought_through(
    tmp_path: Path, postgres_url: str, query: Any, api: Api
) -> None:
    given = variables(postgres_url, api.url)
    folder, file = write_job(tmp_path, INSERT + TELL_ID, RECORDS, SCOPE_CHUNK + KEY)
    query((folder / "schema.sql").read_text("utf-8"))
    query("ALTER TABLE u ADD CONSTRAINT never_e CHECK (code <> 'e')")
    first = run_job(tmp_path, folder, file, given)
    assert first.told("step", "record") == [("second", 4)]
    query("ALTER TABLE u DROP CONSTRAINT never_e")
    replay_all(tmp_path, first, given)
    second = run_job(tmp_path, folder, file, given)
    assert (second.ended.code, second.letters) == (0, []), second.ended.err
    assert [code for (code,) in query("SELECT code FROM u ORDER BY code")] == [*"abcdefghi"]
    assert answered(api).count("/tell/e") == 1


def test_what_was_kept_aside_before_a_staged_transaction_is_written_by_its_replay_and_stays_done(
    tmp_path: Path, postgres_url: str, query: Any, api: Api
) -> None:
    given = variables(postgres_url, api.url)
    tell = TELL.replace("100 // (row.n | int)", "steps.first[idx].id")
    folder, file = write_job(tmp_path, DOUBLE + INSERTED + tell, RECORDS, STAGED + KEY, "careful")
    (folder / "poison").touch()
    first = run_job(tmp_path, folder, file, given)
    assert (first.told("step", "record"), first.counts["first"]) == ([("double", 2)], {"inserted": 8, "failed before": 1})
    (folder / "poison").unlink()
    second = run_job(tmp_path, folder, file, given)
    assert second.counts["first"] == {"answered as before": 8, "failed before": 1}
    assert second.told("step", "record") == [("double", 2)], "what is not written is said until a replay has written it"
    replay_all(tmp_path, first, given)
    codes = [code for (code,) in query("SELECT code FROM t ORDER BY code")]
    assert (codes, answered(api).count("/tell/c")) == ([*"abcdefghi"], 1)
    third = run_job(tmp_path, folder, file, given)
    assert (third.ended.code, third.letters, answered(api).count("/tell/c")) == (0, [], 1)


@pytest.mark.parametrize(("step", "called"), [("first", 8), ("tell", 8)])
def test_a_run_goes_on_from_a_staged_step_and_from_behind_it(
    tmp_path: Path, postgres_url: str, query: Any, api: Api, step: str, called: int
) -> None:
    given = variables(postgres_url, api.url)
    folder, file = write_job(
        tmp_path, INSERTED.replace("steps.double[idx].n", "row.n") + TELL, RECORDS.replace("i,9\n", ""), STAGED
    )
    first = run_job(tmp_path, folder, file, given)
    again = run_job(tmp_path, folder, file, given, "--resume", first.folder.name, "--from", step)
    assert again.ended.code == 0, again.ended.err
    assert (query("SELECT count(*) FROM t"), len(api.calls)) == ([(8,)], 8 + called)
