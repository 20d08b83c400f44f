"""transaction.staging: all or nothing, whatever fails between the first chunk and the commit (database.md X2)."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from conftest import connect
from flows.staging_lab import LAST, RECORDS, SCHEMA, Lab, LosingHost, job_text
from flows.support import ROOT, portl, start
from flows.test_failures import until
from portl.connections import Connections
from portl.runs import Lot, Run, Stageable
from portl.runs._stage_tables import StageTables
from portl.runs._staged import Share
from portl.steps import STEP_TYPES, load_step_type
from portl_cli.embedded import Peer

STAGES = "SELECT count(*) FROM pg_class WHERE relname LIKE 'portl\\_stage\\_%' AND relkind = 'r'"
ITEMS = "SELECT code, name FROM items"
KEYED = 'run_key: "{{ params.key }}"\n'
UNTOUCHED = ([], [], [])


@pytest.fixture
def tables(query: Any) -> Any:
    for statement in SCHEMA.split(";\n"):
        query(statement)
    return query


def keyed(**more: Any) -> str:
    """The job with a run key that its runs are given."""
    return job_text(head=KEYED, **more).replace("{items: {type: list}}", "{items: {type: list}, key: {type: string}}")


@pytest.fixture
def calling(lab: Lab, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("NOTIFY_URL", peer.url)
    return lab


def left(tables: Any, peer: Peer) -> tuple[Any, ...]:
    return tables("SELECT * FROM items"), tables("SELECT * FROM lines"), peer.calls()


REFUSED = {
    "the first, by a constraint": (0, {"n": 13}, "D103", None),
    "one that a later record of its key replaces": (11, {"n": 13}, "D103", None),
    "the last": (19, {"n": 13}, "D103", None),
    "by its type": (11, {"n": 10**10}, "D104", "n"),
    "as text": (8, {"name": "a\0b"}, "D104", None),
}


@pytest.mark.parametrize("which", REFUSED)
def test_a_record_that_the_database_refuses_leaves_nothing_and_is_named(
    calling: Lab, tables: Any, peer: Peer, which: str
) -> None:
    at, change, code, column = REFUSED[which]
    records = [{**record, **(change if idx == at else {})} for idx, record in enumerate(RECORDS)]
    assert calling.run(job_text(size=3, calls=True), records).status == "FAILED"
    error = calling.error()
    assert (error["code"], error["place"]["step"], error["place"]["record"]) == (code, "item", at)
    assert error["place"].get("column") == column
    assert any(str(records[at]["code"]) in value for value in error["detail"]["params"])
    assert left(tables, peer) == UNTOUCHED


def test_a_record_that_cannot_be_mapped_leaves_nothing_and_is_named(calling: Lab, tables: Any, peer: Peer) -> None:
    text = job_text(size=3, calls=True).replace(", on_error: skip", "")
    assert calling.run(text, [*RECORDS, {**RECORDS[0], "n": "no number"}]).status == "FAILED"
    assert (calling.error()["code"], calling.error()["place"]) == ("M102", {"step": "item", "record": 20, "column": "n"})
    assert left(tables, peer) == UNTOUCHED


def test_a_column_that_must_have_a_value_is_asked_for_before_anything_is_staged(lab: Lab, tables: Any) -> None:
    tables("ALTER TABLE items ADD must int NOT NULL")
    assert lab.run(job_text(), RECORDS).status == "FAILED"
    assert (lab.error()["code"], lab.error()["place"]) == ("M104", {"step": "item", "column": "must"})
    assert tables(STAGES) == [(0,)]


def test_a_chunk_whose_worker_dies_behind_its_copy_is_staged_once(lab: Lab, tables: Any) -> None:
    lab.host = LosingHost(DbStageFunction=3)
    assert lab.run(job_text(size=5), RECORDS).status == "SUCCEEDED"
    assert [name for name, _ in lab.host.calls].count("DbStageFunction") == 4 + 3
    assert (set(tables(ITEMS)), tables("SELECT count(*) FROM lines"), tables(STAGES)) == (LAST, [(20,)], [(0,)])


def test_a_commit_whose_worker_dies_behind_it_is_answered_by_the_ledger(lab: Lab, tables: Any) -> None:
    lab.host = LosingHost(DbCommitFunction=1)
    assert lab.run(job_text(size=5), RECORDS).status == "SUCCEEDED"
    answers = [answer.payload for name, answer in lab.host.calls if name == "DbCommitFunction"]
    assert answers == [{"records": 20, "failed": 0}] * 2
    assert (set(tables(ITEMS)), tables("SELECT count(*) FROM lines"), tables(STAGES)) == (LAST, [(20,)], [(0,)])
    assert lab.results("item", 20, 5)[7] == {**lab.results("item", 20, 5)[0], "was_inserted": False, "change": "updated"}


def test_records_whose_key_stood_before_are_counted(lab: Lab, tables: Any, tmp_path: Path) -> None:
    assert lab.run(job_text(), RECORDS).status == "SUCCEEDED"
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    told = [(line["step_id"], line["details"]) for line in log if line["event"] == "keys stood more than once in a range"]
    assert (told, lab.stats()["item"]) == ([("item", {"records": 13})], {"inserted": 7, "updated": 13})


def test_an_answer_that_was_lost_on_its_way_is_what_the_run_has_kept_even_without_the_ledger(
    lab: Lab, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTL_LEDGER", "off")
    lab.host = LosingHost(DbCommitFunction=1)
    assert lab.run(job_text(size=5), RECORDS).status == "SUCCEEDED"
    assert tables("SELECT count(*) FROM lines") == [(20,)]


def test_a_second_run_of_one_key_stages_nothing_and_is_answered_as_before(lab: Lab, tables: Any) -> None:
    assert lab.run(keyed(), RECORDS, key="k").status == "SUCCEEDED"
    before = (
        tables("SELECT * FROM items ORDER BY id"),
        tables("SELECT * FROM lines ORDER BY id"),
        lab.results("item", 20, 500),
    )
    assert lab.run(keyed(), RECORDS, key="k").status == "SUCCEEDED"
    stats = lab.stats()
    assert (stats["item"], stats["line"]) == ({"answered as before": 20}, {"answered as before": 20})
    after = (tables("SELECT * FROM items ORDER BY id"), tables("SELECT * FROM lines ORDER BY id"), lab.results("item", 20, 500))
    assert (after, tables(STAGES)) == (before, [(0,)])
    assert (lab.run(keyed(), RECORDS[1:], key="k").status, lab.error()["code"]) == ("FAILED", "R121")


def test_staged_and_not_staged_are_the_same_work_to_the_ledger(lab: Lab, tables: Any) -> None:
    assert lab.run(keyed(staging=False), RECORDS, key="k").status == "SUCCEEDED"
    assert lab.run(keyed(), RECORDS, key="k").status == "SUCCEEDED"
    assert (lab.stats()["item"], tables("SELECT count(*) FROM lines")) == ({"answered as before": 20}, [(20,)])


def test_the_stage_of_a_failed_run_is_dropped_by_the_next_run_of_its_key(lab: Lab, tables: Any) -> None:
    bad = [*RECORDS, {**RECORDS[0], "n": 13}]
    assert lab.run(keyed(), bad, key="k").status == "FAILED"
    assert tables(STAGES) == [(3,)]
    assert lab.run(keyed(), RECORDS, key="another").status == "SUCCEEDED"
    assert tables(STAGES) == [(3,)]
    assert lab.run(keyed(), RECORDS, key="k").status == "SUCCEEDED"
    assert tables(STAGES) == [(0,)]


def test_the_stage_of_a_killed_run_is_dropped_by_any_run_after_two_days(lab: Lab, tables: Any) -> None:
    assert lab.run(job_text(), [{**RECORDS[0], "n": 13}]).status == "FAILED"
    names = tables("SELECT relname, obj_description(oid) FROM pg_class WHERE relname LIKE 'portl_stage_%' AND relkind = 'r'")
    assert {(about["job"], about["run"]) for about in (json.loads(comment) for _, comment in names)} == {("lab", lab.run_id)}
    for (name, comment), age in zip(sorted(names), (172_700, 172_900, 172_900), strict=True):
        about = json.loads(comment)
        old = json.dumps({**about, "made_at": about["made_at"] - age})
        tables(f"COMMENT ON TABLE {name} IS '{old}'")
    assert lab.run(job_text(), RECORDS).status == "SUCCEEDED"
    assert tables(STAGES) == [(1,)]


def test_a_stage_that_a_crash_has_emptied_is_not_taken_for_the_whole(lab: Lab, tables: Any) -> None:
    def crash() -> None:
        for (name,) in tables("SELECT relname FROM pg_class WHERE relname LIKE 'portl_stage_%' AND relkind = 'r'"):
            tables(f"TRUNCATE {name}")

    lab.host.before["DbCommitFunction"] = crash
    assert lab.run(job_text(size=5), RECORDS).status == "FAILED"
    assert (lab.error()["code"], "of 20 records 0 are in the stage" in lab.error()["message"]) == ("R115", True)
    assert (tables(ITEMS), tables("SELECT * FROM lines")) == ([], [])


def test_a_trigger_that_changes_the_key_is_told_and_nothing_is_written(lab: Lab, tables: Any) -> None:
    tables("CREATE FUNCTION low() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.code := lower(NEW.code); RETURN NEW; END'")
    tables("CREATE TRIGGER low BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION low()")
    assert lab.run(job_text(), RECORDS).status == "FAILED"
    assert (lab.error()["code"], "the rows of 20 records are not found in items" in lab.error()["message"]) == ("R116", True), (
        lab.error()
    )
    assert tables(ITEMS) == []


IDS = {
    "an identity that counts down": "int GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1)",
    "a serial": "serial",
    "a UUID": "uuid DEFAULT gen_random_uuid()",
    "a text": "text DEFAULT 'no. ' || nextval('numbers')",
    "nothing": "int",
}


@pytest.mark.parametrize("kind", IDS)
def test_a_row_without_a_key_is_found_however_its_id_is_made(lab: Lab, tables: Any, kind: str) -> None:
    tables("CREATE SEQUENCE numbers")
    tables("DROP TABLE lines")
    tables(f"CREATE TABLE lines (id {IDS[kind]}, code text, note text)")
    assert lab.run(job_text(size=3), RECORDS).status == "SUCCEEDED"
    notes = {
        None if key is None else (str(key) if not isinstance(key, int) else key): note
        for key, note in tables("SELECT id, note FROM lines")
    }
    found = [each["id"] for each in lab.results("line", 20, 3)]
    assert found == [None] * 20 if kind == "nothing" else [notes[each] for each in found] == [each["name"] for each in RECORDS]


def test_a_row_whose_id_is_worked_out_of_others_cannot_be_staged_and_that_is_said(lab: Lab, tables: Any) -> None:
    tables("DROP TABLE lines")
    tables("CREATE TABLE lines (id text GENERATED ALWAYS AS (code || note) STORED, code text, note text)")
    assert lab.run(job_text(), RECORDS).status == "FAILED"
    assert (lab.error()["code"], lab.error()["place"]["step"]) == ("R117", "line")


def test_a_commit_that_will_not_fit_into_its_function_says_so_before_its_time_is_up(
    lab: Lab, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END'")
    tables("CREATE TRIGGER slow BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION slow()")
    monkeypatch.setenv("PORTL_COMMIT_AT_ONCE", "5")
    lab.host = LosingHost(timeout=40)
    records = [{**RECORDS[0], "code": f"C{at}"} for at in range(60)]
    began = time.monotonic()
    assert lab.run(job_text(size=5), records).status == "FAILED"
    assert (lab.error()["code"], time.monotonic() - began < 20) == ("R110", True), lab.error()
    assert tables(ITEMS) == []


@pytest.fixture
def command(tmp_path: Path, postgres_url: str, peer: Peer) -> Any:
    """A project with the job, for the command line; answers its arguments and variables."""
    folder = tmp_path / "p" / "statemachines" / "lab"
    folder.mkdir(parents=True)
    for name in ("functions", "layers", "template.yaml"):
        (tmp_path / "p" / name).symlink_to(ROOT / name)
    (folder / "job.yaml").write_text(job_text(size=5, calls=True), "utf-8")
    items = f"items={json.dumps(RECORDS)}"
    return (str(folder / "job.yaml"), "--param", items), {"PG_URL": postgres_url, "NOTIFY_URL": peer.url}


def test_calls_read_the_ids_and_flags_of_what_was_staged(tmp_path: Path, tables: Any, command: Any, peer: Peer) -> None:
    arguments, variables = command
    ended = portl(tmp_path, "run", *arguments, **variables)
    assert ended.code == 0, ended.err
    ids = dict(tables("SELECT code, id FROM items"))
    lines = {row[0]: row[1:] for row in tables("SELECT id, code, note FROM lines")}
    told = [(call["path"][7:], call["body"]) for call in peer.calls()]
    assert sorted((code, body["item"], body["new"]) for code, body in told) == sorted(
        (record["code"], ids[record["code"]], at < 7) for at, record in enumerate(RECORDS)
    )
    assert {(code, lines[body["line"]["id"]][0]) for code, body in told} == {(f"C{at}", f"C{at}") for at in range(7)}
    assert sorted(lines[body["line"]["id"]][1] for _, body in told) == sorted(record["name"] for record in RECORDS)


def test_chunks_fill_the_stage_side_by_side(tmp_path: Path, tables: Any, postgres_url: str, command: Any) -> None:
    """Two of them are seen waiting for the table at the same time."""
    arguments, variables = command
    holder = connect(postgres_url)
    holder.run("BEGIN")
    holder.run("LOCK items IN ACCESS EXCLUSIVE MODE")
    process = start(tmp_path, "run", *arguments, "--host", "workers", **variables)
    until(lambda: tables("SELECT count(*) FROM pg_locks WHERE NOT granted AND database IS NOT NULL")[0][0] > 1)
    holder.run("COMMIT")
    holder.close()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, set(tables(ITEMS))) == (0, LAST), (out, err)


@pytest.mark.parametrize("same_key", [True, False], ids=["one key", "keys of their own"])
def test_two_runs_at_once_both_end_and_come_to_one_after_the_other(
    tmp_path: Path, tables: Any, command: Any, peer: Peer, *, same_key: bool
) -> None:
    (job, *given), variables = command
    Path(job).write_text(keyed(size=2, calls=True), "utf-8")
    keys = ["a", "a" if same_key else "b"]
    both = [start(tmp_path, "run", job, *given, "--param", f"key={key}", **variables) for key in keys]
    ended = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    lines = 20 if same_key else 40
    assert (set(tables(ITEMS)), tables("SELECT count(*) FROM lines"), tables(STAGES)) == (LAST, [(lines,)], [(0,)])
    assert len({call["headers"]["idempotency-key"] for call in peer.calls()}) == lines


def test_two_attempts_of_one_chunk_at_once_stage_it_once(postgres_url: str, tables: Any) -> None:
    spec = STEP_TYPES["db.insert"].model_validate(
        {"id": "line", "type": "db.insert", "connection": "db", "table": "lines", "mapping": {"code": "x", "note": "y"}}
    )
    run = Run("r", "lab", "2026-01-01T00:00:00+00:00", {}, "r")

    def attempt(_: int) -> str:
        with Connections({"db": {"type": "postgres", "url": postgres_url}}) as connections:
            write = cast("Stageable", load_step_type("db.insert").prepare(spec, connections)).staged()
            lot = Lot("line", 0, 0, 3000, (Share("line", write, [(at, ("x", "y")) for at in range(3000)]),))
            stages = StageTables(connections.get("db"), run, "line")
            stages.put(lot)
            return stages.of(0)

    with ThreadPoolExecutor(4) as pool:
        (stage,) = set(pool.map(attempt, range(8)))
    assert tables(f"SELECT count(*), count(DISTINCT portl_idx) FROM {stage}") == [(3000, 3000)]  # noqa: S608 - our own name


def test_a_run_that_fails_in_its_commit_says_that_nothing_was_written(
    tmp_path: Path, tables: Any, command: Any, peer: Peer
) -> None:
    (job, option, _), variables = command
    items = json.dumps([*RECORDS, {**RECORDS[0], "n": 13}])
    ended = portl(tmp_path, "run", job, option, f"items={items}", **variables)
    assert ended.code == 1
    assert "failed in item (db.upsert), record 21" in ended.err
    assert "nothing was written and no API was called" in ended.err
    assert "item          db.upsert" not in ended.out
    assert left(tables, peer) == UNTOUCHED
