"""Runs that meet: the same job twice at once, and a writer that froze with its transaction open (database.md W4, X3)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.support import FLOW_A, RESOURCES, VERSIONS, expected, load_function, project, records, start, write_records
from portl_cli.embedded import Peer


def go(tmp_path: Path, job: Path, file: Path, url: str, peer: Peer) -> subprocess.Popen[str]:
    return start(tmp_path, "run", str(job), "--param", f"path={file}", PG_URL=url, NOTIFY_URL=peer.url)


def ended(process: subprocess.Popen[str]) -> str:
    """What a run that went well printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def enrich(record: dict[str, str]) -> Any:
    return load_function("ingestor")({name: record[name] for name in ("code", "name", "payload")}, None)


def rows(query: Any) -> tuple[list[Any], list[Any]]:
    return sorted(query(RESOURCES)), sorted(query(VERSIONS), key=lambda row: row[:3])


@pytest.mark.parametrize("scope", ["db", "chunk"])
def test_two_runs_of_one_key_at_once_end_as_one_run(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer, scope: str
) -> None:
    query((FLOW_A / "schema.sql").read_text("utf-8"))
    job = project(tmp_path, {"scope: db": f"scope: {scope}", "as: row}": "as: row, size: 5}"})
    given = records(20, keys=6)
    file = write_records(tmp_path / "in.csv", given)
    for process in [go(tmp_path, job, file, postgres_url, peer) for _ in "ab"]:
        ended(process)
    wanted = expected(given, enrich)
    assert rows(query) == (wanted.resources, wanted.versions)
    calls = {(call["headers"]["idempotency-key"], json.dumps(call["body"])) for call in peer.calls()}
    assert len(calls) == 2 * len(given), "each record is told of by two calls with a key each, however often they are sent"


def test_two_runs_over_the_same_keys_at_once_end_as_one_after_the_other(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer
) -> None:
    query((FLOW_A / "schema.sql").read_text("utf-8"))
    job = project(tmp_path)
    first = records(30, keys=8)
    second = [{**record, "name": f"later {record['name']}"} for record in reversed(first)]
    files = [write_records(tmp_path / name, given) for name, given in (("one.csv", first), ("two.csv", second))]
    for process in [go(tmp_path, job, file, postgres_url, peer) for file in files]:
        ended(process)
    orders = [expected([*one, *other], enrich) for one, other in ((first, second), (second, first))]
    assert rows(query) in [(wanted.resources, wanted.versions) for wanted in orders]


def test_a_writer_that_froze_in_its_transaction_is_waited_for_and_the_work_is_applied_once(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer
) -> None:
    query((FLOW_A / "schema.sql").read_text("utf-8"))
    query(SLOW)
    job = project(tmp_path, {'${env:PG_URL}"': '${env:PG_URL}", idle_in_transaction_session_timeout_s: 1'})
    given = records(12, keys=12)
    file = write_records(tmp_path / "in.csv", given)
    frozen = go(tmp_path, job, file, postgres_url, peer)
    until(lambda: query(WRITING) == [(1,)])
    family = [psutil.Process(frozen.pid), *psutil.Process(frozen.pid).children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        other = ended(go(tmp_path, job, file, postgres_url, peer))
    finally:
        for process in family:
            process.resume()
    answers = [line for line in (other + ended(frozen)).splitlines() if line.split()[:2] == ["resource", "db.upsert"]]
    assert [" ".join(line.split()[2:]) for line in answers] == ["12 inserted", "12 answered as before"]
    wanted = expected(given, enrich)
    assert rows(query) == (wanted.resources, wanted.versions)


SLOW = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON resources FOR EACH ROW EXECUTE FUNCTION slowly();
"""
WRITING = """
SELECT count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND state <> 'idle' AND query LIKE '%"resources"%' AND pid <> pg_backend_pid()
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
