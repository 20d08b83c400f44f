"""Flow A, run as a user runs it, judged by the tables and the peer's record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import (
    FLOW_A,
    RESOURCES,
    VERSIONS,
    expected,
    load_function,
    portl,
    project,
    read_records,
    records,
    write_records,
)
from portl_cli.embedded import Peer


def enrich(record: dict[str, str]) -> Any:
    return load_function("ingestor")({name: record[name] for name in ("code", "name", "payload")}, None)


def check_rows_and_calls(given: list[dict[str, str]], query: Any, peer: Peer) -> None:
    wanted = expected(given, enrich)
    assert sorted(query(RESOURCES)) == wanted.resources
    assert sorted(query(VERSIONS), key=lambda row: row[:3]) == wanted.versions
    calls = peer.calls()
    codes = dict(query("SELECT id, code FROM resources"))
    first = [call["body"] for call in calls if call["path"] == "/resources"]
    second = [call["body"] for call in calls if call["path"] == "/versions"]
    assert sorted((body["code"], body["md5"]) for body in first) == wanted.resource_calls
    assert all(codes[body["resource_id"]] == body["code"] for body in first)
    assert sorted(codes[body["resource_id"]] for body in second) == sorted(record["code"] for record in given)
    keys = [call["headers"]["idempotency-key"] for call in calls]
    assert len(set(keys)) == len(keys) == 2 * len(given)


@pytest.mark.parametrize("first", [700, pytest.param(3500, marks=pytest.mark.long)])
def test_the_example_file_gives_the_rows_and_calls_of_one_record_after_another(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer, first: int
) -> None:
    file = write_records(tmp_path / "in.csv", read_records(FLOW_A / "resources.csv")[:first])
    ended = portl(
        tmp_path,
        "run",
        str(FLOW_A / "job.yaml"),
        "--param",
        f"path={file}",
        "--init-db",
        PG_URL=postgres_url,
        NOTIFY_URL=peer.url,
    )
    assert (ended.code, ended.err.count("\n") > 0) == (0, True), ended.err
    given = read_records(file)
    assert len(given) == first
    check_rows_and_calls(given, query, peer)
    assert f"records {len(given):,}" in ended.out
    assert f"calls {2 * len(given):,}" in ended.out
    assert "state transitions" in ended.out


@pytest.mark.parametrize("size", [1, 7, 500])
def test_repeated_keys_give_the_same_whatever_the_chunk_size(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer, size: int
) -> None:
    given = records(40, keys=9)
    file = write_records(tmp_path / "in.csv", given)
    job = project(tmp_path, {"as: row}": f"as: row, size: {size}}}"})
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", "--init-db", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert ended.code == 0, ended.err
    check_rows_and_calls(given, query, peer)


@pytest.mark.parametrize("size", [1, 7, 500])
def test_a_transaction_a_chunk_gives_the_same_rows(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer, size: int
) -> None:
    given = records(40, keys=9)
    file = write_records(tmp_path / "in.csv", given)
    job = project(tmp_path, {"as: row}": f"as: row, size: {size}}}", "scope: db": "scope: chunk"})
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", "--init-db", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert ended.code == 0, ended.err
    check_rows_and_calls(given, query, peer)


def test_a_file_with_a_header_only_is_no_work_and_no_error(tmp_path: Path, postgres_url: str, query: Any, peer: Peer) -> None:
    file = write_records(tmp_path / "in.csv", [])
    job = project(tmp_path)
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", "--init-db", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, query("SELECT count(*) FROM resources"), peer.calls()) == (0, [(0,)], []), ended.err


def test_a_peer_that_says_retry_after_is_waited_for_in_a_wait_state_and_nothing_is_called_twice(
    tmp_path: Path, postgres_url: str, query: Any, peer: Peer
) -> None:
    import httpx

    httpx.post(f"{peer.url}/_script", json={"status": 429, "every": 5, "times": 2, "retry_after": 7})
    given = records(30, keys=30)
    file = write_records(tmp_path / "in.csv", given)
    job = project(tmp_path)
    ended = portl(
        tmp_path,
        "run",
        str(job),
        "--param",
        f"path={file}",
        "--init-db",
        "--time-scale",
        "0.01",
        PG_URL=postgres_url,
        NOTIFY_URL=peer.url,
    )
    assert ended.code == 0, ended.err
    accepted = [call["headers"]["idempotency-key"] for call in peer.calls() if call["status"] == 200]
    assert len(accepted) == len(set(accepted)) == 60
    history = next((tmp_path / "runs").glob("*/history.jsonl")).read_text("utf-8").splitlines()
    waits = [json.loads(line) for line in history if '"WaitStateEntered"' in line]
    assert [wait["stateEnteredEventDetails"]["name"] for wait in waits][:1] == ["announce_resource waits as told"]
