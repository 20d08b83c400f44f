"""Replay of some records of a run, with the inputs of that run (jobs.md R2, C1; design 6 point 6)."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.support import Ended, portl, project, records, write_records
from portl_cli.commands._letters import letters_of
from portl_cli.embedded import Peer

ROWS = "SELECT * FROM resources_versions ORDER BY id"
QUICK = ("--host", "inline", "--time-scale", "0.01")
SMALL = {"as: row}": "as: row, size: 5}"}
CHUNKS = {**SMALL, "scope: db": "scope: chunk"}


@pytest.fixture
def command(tmp_path: Path, postgres_url: str, peer: Peer) -> Any:
    def go(*arguments: str) -> Ended:
        quick = () if "--plan" in arguments else QUICK
        return portl(tmp_path / "project", *arguments, *quick, PG_URL=postgres_url, NOTIFY_URL=peer.url)

    return go


@pytest.fixture
def run(tmp_path: Path, command: Any) -> Any:
    """Runs Flow A, some of its text changed, over twelve records."""

    def go(change: dict[str, str] = SMALL) -> Ended:
        job, file = project(tmp_path, change), write_records(tmp_path / "in.csv", records(12, keys=12))
        ended: Ended = command("run", str(job), "--param", f"path={file}", "--init-db")
        return ended

    return go


def run_id(ended: Ended) -> str:
    return re.findall(r"^run (\S+)", ended.err, re.MULTILINE)[0]


def sent(peer: Peer) -> Counter[tuple[str, str, str]]:
    """How often each call came: path, idempotency key and body."""
    return Counter((call["path"], call["headers"]["idempotency-key"], json.dumps(call["body"])) for call in peer.calls())


@pytest.mark.parametrize("change", [SMALL, CHUNKS], ids=["db", "chunk"])
def test_a_replay_sends_the_two_calls_of_a_record_with_their_first_keys_and_writes_nothing_twice(
    run: Any, command: Any, query: Any, peer: Peer, tmp_path: Path, change: dict[str, str]
) -> None:
    first = run(change)
    assert first.code == 0, first.err
    (tmp_path / "in.csv").unlink()
    rows, calls = query(ROWS), sent(peer)
    for step in ("announce_resource", "enrich"):
        before = sent(peer)
        ended = command("runs", "replay", run_id(first), "--step", step, "--item", "8")
        assert ended.code == 0, ended.err
        assert query(ROWS) == rows
        more = sent(peer) - before
        assert ({path for path, _, _ in more}, sum(more.values()), set(more) <= set(calls)) == (
            {"/resources", "/versions"},
            2,
            True,
        )


def test_the_plan_of_a_replay_shows_the_very_requests_of_the_record_and_does_nothing(
    run: Any, command: Any, query: Any, peer: Peer
) -> None:
    first = run()
    calls, rows = peer.calls(), query(ROWS)
    ended = command("runs", "replay", run_id(first), "--step", "announce_resource", "--item", "8", "--plan", "--json")
    assert (ended.code, peer.calls(), query(ROWS)) == (0, calls, rows), ended.err
    planned = [json.loads(line) for line in ended.out.splitlines()]
    wanted = [(note["headers"]["Idempotency-Key"], note["json"]) for note in planned if note["kind"] == "request"]
    codes = [record["code"] for record in records(12, keys=12)]
    sent_first = [(call["headers"]["idempotency-key"], call["body"]) for call in calls]
    assert [each in sent_first for each in wanted] == [True, True]
    assert (wanted[0][1]["code"], {note["record"] for note in planned if note["kind"] == "request"}) == (codes[7], {7})
    assert {note["kind"] for note in planned} == {"request"}


REFUSALS = {
    "an unknown step": (("--step", "announce", "--item", "1"), "the job has no step announce"),
    "a step without a batch": (("--step", "read_csv", "--item", "1"), "read_csv goes over no records: it is done once"),
    "a record out of range": (("--step", "enrich", "--item", "13"), "there is no record 13: read_csv made 12"),
    "no record": (("--step", "enrich"), "name records with --step STEP --item N"),
}


def test_what_cannot_be_replayed_is_refused_before_anything_is_done(run: Any, command: Any, peer: Peer, tmp_path: Path) -> None:
    first = run_id(run())
    count = len(peer.calls())
    told = {name: command("runs", "replay", first, *arguments) for name, (arguments, _) in REFUSALS.items()}
    assert {name: (ended.code, REFUSALS[name][1] in ended.err) for name, ended in told.items()} == dict.fromkeys(
        REFUSALS, (2, True)
    ), told
    replayed = command("runs", "replay", first, "--step", "announce_version", "--item", "1")
    assert (replayed.code, len(peer.calls())) == (0, count + 1), replayed.err
    job = str(tmp_path / "project/statemachines/resource_sync/job.yaml")
    resumed = command("run", job, "--resume", run_id(replayed))
    assert (resumed.code, "R156" in resumed.err, first in resumed.err) == (2, True, True), resumed.err
    gone_on = command("run", job, "--from", "announce_version")  # of the newest run that has all records
    assert (gone_on.code, f"  reused of {first}: " in gone_on.out) == (0, True), gone_on.err


POISON = {**CHUNKS, "max_attempts: 4": "max_attempts: 1"}


def test_a_record_of_a_chunk_that_rolled_back_is_brought_through_once_and_a_resumed_run_does_not_write_it_again(
    run: Any, command: Any, query: Any, peer: Peer, tmp_path: Path
) -> None:
    codes = [record["code"] for record in records(12, keys=12)]
    job = project(tmp_path, POISON)
    schema = job.parent / "schema.sql"
    guard = f"CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.code = '{codes[6]}' THEN "
    guard += "RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;\n"
    guard += "CREATE TRIGGER guarded BEFORE INSERT ON resources FOR EACH ROW EXECUTE FUNCTION guard();\n"
    query(schema.read_text("utf-8"))
    query(guard)
    file = write_records(tmp_path / "in.csv", records(12, keys=12))
    failed = command("run", str(job), "--param", f"path={file}")
    assert (failed.code, len(query(ROWS))) == (1, 5), failed.err
    assert "record 7," in failed.err
    said = "  what was committed before was answered as before\n"
    for before in (False, True):  # a second time would make a second version of it
        ended = command("runs", "replay", run_id(failed), "--step", "resource", "--item", "10")
        assert (ended.code, len(query(ROWS)), said in ended.out) == (0, 6, before), ended.err
        assert "--new-key" not in ended.out
    assert len([call for call in peer.calls() if call["body"].get("code") == codes[9]]) == 2
    query("DROP TRIGGER guarded ON resources")
    resumed = command("run", str(job), "--resume", run_id(failed))
    assert (resumed.code, len(query(ROWS))) == (0, 12), resumed.err
    assert query("SELECT count(*) FROM resources_versions v GROUP BY resource_id HAVING count(*) > 1") == []


LETTER = {"step": "announce_resource", "from": "announce_resource", "error": {"code": "H101"}}


def test_all_failed_does_every_record_that_was_kept_aside_and_settles_its_letter(
    run: Any, command: Any, peer: Peer, tmp_path: Path
) -> None:
    first = run()
    folder = tmp_path / "project/runs" / run_id(first)
    for chunk, record in ((0, 2), (1, 9)):
        letters = folder / f"dead/announce_resource/{chunk:05d}.jsonl"
        letters.parent.mkdir(parents=True, exist_ok=True)
        letters.write_text(json.dumps({**LETTER, "record": record}) + "\n", "utf-8")
    letter = {**LETTER, "step": "latest", "from": "announce_version", "record": 4}
    (folder / "dead/latest").mkdir(parents=True)
    (folder / "dead/latest/00000.jsonl").write_text(json.dumps(letter) + "\n", "utf-8")
    assert sorted((each["step"], each["record"]) for each in letters_of(folder)) == [
        ("announce_resource", 2),
        ("announce_resource", 9),
        ("latest", 4),
    ]
    planned = command("runs", "replay", run_id(first), "--all-failed", "--plan", "--json")
    before = sent(peer)
    ended = command("runs", "replay", run_id(first), "--all-failed")
    assert ended.code == 0, ended.err
    more = sent(peer) - before
    assert sorted(Counter(path for path, _, _ in more.elements()).items()) == [("/resources", 2), ("/versions", 3)]
    keys = {json.loads(line)["headers"]["Idempotency-Key"] for line in planned.out.splitlines()}
    assert keys == {key for _, key, _ in more}
    replays = re.findall(r"^run (\S+)", ended.err, re.MULTILINE)
    assert len(replays) == 2
    kept = json.loads((folder / "replayed/announce_resource/2.json").read_text("utf-8"))
    assert kept == {"run": replays[0], "letter": {**LETTER, "record": 2}}
    assert [*letters_of(folder)] == []
    nothing = command("runs", "replay", run_id(first), "--all-failed")
    assert (nothing.code, nothing.out) == (0, f"no record of {run_id(first)} is kept aside\n")


def test_a_letter_stays_open_when_its_replay_fails(run: Any, command: Any, peer: Peer, tmp_path: Path) -> None:
    first = run()
    folder = tmp_path / "project/runs" / run_id(first)
    (folder / "dead/announce_resource").mkdir(parents=True)
    (folder / "dead/announce_resource/00000.jsonl").write_text(json.dumps({**LETTER, "record": 2}) + "\n", "utf-8")
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 1, "times": 1})
    failed = command("runs", "replay", run_id(first), "--all-failed")
    assert (failed.code, [each["record"] for each in letters_of(folder)]) == (1, [2]), failed.err
    assert f"  again   portl runs replay {run_id(first)} --step announce_resource --item 3\n" in failed.err
    assert command("runs", "replay", run_id(first), "--all-failed").code == 0
    assert [*letters_of(folder)] == []
