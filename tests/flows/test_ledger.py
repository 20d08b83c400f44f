"""Never half, never twice: the ledger (database.md X3, jobs.md J1, F-A)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.support import RESOURCES, VERSIONS, portl, project, records, write_records
from portl_cli.embedded import Peer

ROWS = "SELECT * FROM resources_versions ORDER BY id"


@pytest.fixture
def run(tmp_path: Path, postgres_url: str, peer: Peer) -> Any:
    def go(change: dict[str, str] | None = None, given: Any = None, *options: str, **variables: str) -> Any:
        job = project(tmp_path, change)
        file = write_records(tmp_path / "in.csv", given if given is not None else records(12, keys=5))
        arguments = ["run", str(job), "--param", f"path={file}", "--init-db", *options]
        return portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url, **variables)

    return go


@pytest.mark.parametrize("scope", ["db", "chunk"])
def test_a_second_run_of_one_key_leaves_the_same_rows_and_repeats_calls_only_with_their_first_keys(
    run: Any, query: Any, peer: Peer, scope: str
) -> None:
    change = {"scope: db": f"scope: {scope}", "as: row}": "as: row, size: 5}"}
    assert run(change).code == 0
    rows, calls = query(ROWS), {(call["headers"]["idempotency-key"], json.dumps(call["body"])) for call in peer.calls()}
    again = run(change)
    assert again.code == 0, again.err
    assert query(ROWS) == rows
    assert {(call["headers"]["idempotency-key"], json.dumps(call["body"])) for call in peer.calls()} == calls
    assert "resource           db.upsert      12 answered as before" in again.out


def test_a_changed_file_is_new_work(run: Any, query: Any) -> None:
    assert run().code == 0
    before = query("SELECT count(*) FROM portl_ledger")
    given = records(12, keys=5)
    given[11]["name"] = "another"
    assert run(None, given).code == 0
    assert (before, query("SELECT count(*) FROM portl_ledger")) == ([(1,)], [(2,)])
    assert ("another",) in query("SELECT name FROM resources")


def test_without_a_run_key_every_run_does_its_work(run: Any, query: Any) -> None:
    change = {'run_key: "{{ checksum(params.path, params.version) }}"\n': ""}
    assert run(change).code == 0
    assert run(change).code == 0
    assert query("SELECT count(DISTINCT run_key), count(*) FROM portl_ledger") == [(2, 2)]


def test_the_same_key_for_other_steps_is_refused_and_new_key_does_the_work(run: Any, query: Any) -> None:
    assert run().code == 0
    rows = query(ROWS)
    other = run({'      name: "{{ row.name }}"\n      slug': '      name: "{{ row.name | upper }}"\n      slug'})
    assert (other.code, "R121" in other.err, "--new-key" in other.err) == (1, True, True), other.err
    assert query(ROWS) == rows
    anew = run(
        {'      name: "{{ row.name }}"\n      slug': '      name: "{{ row.name | upper }}"\n      slug'}, None, "--new-key"
    )
    assert anew.code == 0, anew.err
    assert query(ROWS) != rows


def test_an_answer_that_is_gone_is_said_and_nothing_is_done_again(run: Any, query: Any, tmp_path: Path) -> None:
    assert run().code == 0
    rows = query(ROWS)
    for kept in (tmp_path / "runs").glob("*/attempts/*/answer.json"):
        kept.unlink()
    ended = run()
    assert (ended.code, "R122" in ended.err, "--new-key" in ended.err) == (1, True, True), ended.err
    assert query(ROWS) == rows


def test_a_role_that_may_not_make_the_ledger_is_told_the_statement_that_makes_it(
    run: Any, query: Any, tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    from urllib.parse import urlsplit

    assert run(None, []).code == 0
    query("DROP TABLE portl_ledger")
    parts = urlsplit(postgres_url)
    role = f"plain_{parts.path[1:]}"
    query(f"CREATE ROLE {role} LOGIN PASSWORD 'pl4in'")
    query(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    query(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
    url = parts._replace(netloc=f"{role}:pl4in@{parts.hostname}:{parts.port}").geturl()
    file = write_records(tmp_path / "in.csv", records(2, keys=2))
    job = project(tmp_path)
    arguments = ("run", str(job), "--param", f"path={file}")
    refused = portl(tmp_path, *arguments, PG_URL=url, NOTIFY_URL=peer.url)
    assert (refused.code, "D112" in refused.err) == (1, True), refused.err
    (statement,) = [line.split("run: ", 1)[1] for line in refused.err.splitlines() if "CREATE TABLE" in line]
    query(statement)
    query(f"GRANT ALL ON portl_ledger TO {role}")
    assert portl(tmp_path, *arguments, PG_URL=url, NOTIFY_URL=peer.url).code == 0


def test_without_the_ledger_a_second_run_appends(run: Any, query: Any) -> None:
    """The test of the tests above: what they see is the ledger's doing."""
    given = [{**each, "payload": json.dumps({"final": True})} for each in records(4, keys=4)]
    assert run(None, given, PORTL_LEDGER="off").code == 0
    once = len(query(VERSIONS))
    assert run(None, given, PORTL_LEDGER="off").code == 0
    assert (once, len(query(VERSIONS)), len(query(RESOURCES))) == (4, 8, 4)
