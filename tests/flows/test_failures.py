"""What a failed run leaves: nothing; and what it says: which record, why, and what to do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import connect
from flows.support import FLOW_A, Ended, portl, project, records, start, write_records
from portl.connections._postgres import parse_url
from portl_cli.embedded import Peer, start_postgres

SCHEMA = (FLOW_A / "schema.sql").read_text("utf-8")


@pytest.fixture
def tables(postgres_url: str) -> Any:
    """The flow's tables with a row that was there before, and a way to see whether anything changed."""
    connection = connect(postgres_url)
    connection.run(SCHEMA)
    connection.run("INSERT INTO resources (code, source, name) VALUES ('before', 'erp', 'was here')")
    yield lambda: (
        connection.run("SELECT code, name FROM resources"),
        connection.run("SELECT count(*) FROM resources_versions"),
    )
    connection.close()


UNTOUCHED = ([["before", "was here"]], [[0]])


def run(tmp_path: Path, url: str, peer: Peer, file: Path, *more: str) -> Ended:
    job = project(tmp_path)
    return portl(tmp_path, "run", str(job), "--param", f"path={file}", *more, PG_URL=url, NOTIFY_URL=peer.url)


def test_a_bad_date_rolls_everything_back_and_is_named_by_record_line_and_column(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    given = records(1200, keys=1200)
    given[1016]["updated_at"] = "2026-13-45"
    given[3]["name"] = "two\nlines"
    ended = run(tmp_path, postgres_url, peer, write_records(tmp_path / "in.csv", given))
    assert (ended.code, tables(), peer.calls()) == (1, UNTOUCHED, [])
    assert "resource (db.upsert), record 1,017" in ended.err
    assert "line 1,019, column updated_at" in ended.err
    assert "M102 updated_at cannot be datetime: '2026-13-45'" in ended.err
    assert "to do" in ended.err
    assert "nothing was written and no API was called" in ended.err


def test_a_value_that_only_the_database_refuses_is_named_too(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    given = records(20, keys=20)
    file = write_records(tmp_path / "in.csv", given)
    job = project(tmp_path, {'name: "{{ row.name }}"\n      slug': 'updated_at: "{{ row.name }}"\n      name: x\n      slug'
                             , '      updated_at: {from: "{{ row.updated_at }}", type: datetime}\n\n': "\n"})  # fmt: skip
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, tables(), peer.calls()) == (1, UNTOUCHED, [])
    assert "record 1, " in ended.err
    assert "column updated_at" in ended.err
    assert "D104" in ended.err


def test_a_constraint_rolls_everything_back_and_names_the_record(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    connection = connect(postgres_url)
    connection.run("ALTER TABLE resources ADD CONSTRAINT no_r_013 CHECK (code <> 'R-013')")
    connection.close()
    given = records(20, keys=20)
    at = next(place for place, record in enumerate(given) if record["code"] == "R-013")
    ended = run(tmp_path, postgres_url, peer, write_records(tmp_path / "in.csv", given))
    assert (ended.code, tables(), peer.calls()) == (1, UNTOUCHED, [])
    assert f"record {at + 1}," in ended.err
    assert "D103" in ended.err
    assert "no_r_013" in ended.err


def test_a_function_that_fails_stops_the_run_before_the_database_is_touched(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    given = records(10, keys=10)
    given[6]["payload"] = "{not json"
    ended = run(tmp_path, postgres_url, peer, write_records(tmp_path / "in.csv", given))
    assert (ended.code, tables(), peer.calls()) == (1, UNTOUCHED, [])
    assert "enrich (lambda.invoke), record 7" in ended.err
    assert "L101 ingestor failed with ValueError" in ended.err


BROKEN = {
    "ragged": ("code,source,name,payload,updated_at\na,b,c\n", "C103", 2),
    "a NUL": ("code,source,name,payload,updated_at\na,b,c\0,{},\n", "C112", 2),
    "not UTF-8": (b"code,source,name,payload,updated_at\na,b,\xff,{},\n", "C113", 2),
    "an open quote": ('code,source,name,payload,updated_at\na,b,"c,{},\n', "C102", 2),
    "a column twice": ("code,code,name,payload,updated_at\n", "C105", 1),
    "empty": ("", "C101", 1),
    "another header": ("code,source,name\n", "C107", 1),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_with_its_line_and_touches_nothing(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer, kind: str
) -> None:
    content, code, line = BROKEN[kind]
    file = tmp_path / "in.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ended = run(tmp_path, postgres_url, peer, file)
    assert (ended.code, tables(), peer.calls()) == (1, UNTOUCHED, [])
    assert f"cause   {code} " in ended.err
    assert f"in.csv line {line}" in ended.err


def waiting(url: str) -> bool:
    connection = connect(url)
    found = connection.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    connection.close()
    return found != [[0]]


def until(condition: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_rolls_back_calls_nobody_and_exits_130(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer, sign: signal.Signals
) -> None:
    holder = connect(postgres_url)
    holder.run("SELECT pg_advisory_lock(hashtextextended('portl:resources_versions', 0))")
    file = write_records(tmp_path / "in.csv", records(10, keys=10))
    job = project(tmp_path)
    process = start(tmp_path, "run", str(job), "--param", f"path={file}", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: waiting(postgres_url))
    process.send_signal(sign)
    _, err = process.communicate(timeout=20)
    holder.close()
    assert (process.returncode, tables(), peer.calls()) == (130, UNTOUCHED, [])
    assert "interrupted" in err


def test_a_lost_connection_is_tried_again_and_the_work_is_done_once(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    holder = connect(postgres_url)
    holder.run("SELECT pg_advisory_lock(hashtextextended('portl:resources_versions', 0))")
    file = write_records(tmp_path / "in.csv", records(10, keys=10))
    arguments = ["run", str(project(tmp_path)), "--param", f"path={file}", "--time-scale", "0.1"]
    process = start(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: waiting(postgres_url))
    holder.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    holder.run("SELECT pg_advisory_unlock_all()")
    out, err = process.communicate(timeout=30)
    holder.close()
    assert (process.returncode, len(tables()[0]), tables()[1], len(peer.calls())) == (0, 11, [[10]], 20), (out, err)


def test_a_server_that_is_killed_for_good_fails_the_run_and_nobody_is_called(tmp_path: Path, peer: Peer) -> None:
    with start_postgres(tmp_path / "own") as server:
        connection = connect(server.url)
        connection.run(SCHEMA)
        connection.run("SELECT pg_advisory_lock(hashtextextended('portl:resources_versions', 0))")
        file = write_records(tmp_path / "in.csv", records(10, keys=10))
        arguments = ["run", str(project(tmp_path)), "--param", f"path={file}", "--time-scale", "0.01"]
        process = start(tmp_path, *arguments, PG_URL=server.url, NOTIFY_URL=peer.url)
        until(lambda: waiting(server.url))
        postmaster = next(server.log.parent.glob("data/postmaster.pid")).read_text("utf-8").splitlines()[0]
        os.kill(int(postmaster), signal.SIGQUIT)
        _, err = process.communicate(timeout=60)
        connection._usock.close()  # the server is gone: there is nobody to say goodbye to
    assert (process.returncode, peer.calls()) == (1, []), err
    assert "D10" in err
    assert "nothing was written and no API was called" in err


def test_a_missing_variable_is_the_environments_fault_and_named(tmp_path: Path) -> None:
    ended = portl(tmp_path, "run", str(FLOW_A / "job.yaml"), "--param", "path=x.csv", PG_URL="")
    assert (ended.code, ended.out) == (3, "")
    assert "V101 NOTIFY_URL, PG_URL are not set, or empty" in ended.err
    assert "--demo" in ended.err


def test_a_missing_and_an_unknown_parameter_are_named(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    job = str(FLOW_A / "job.yaml")
    absent = portl(tmp_path, "run", job, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (absent.code, 'R101 the parameter "path" is required' in absent.err) == (2, True), absent.err
    other = portl(tmp_path, "run", job, "--param", "pth=x", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (other.code, 'did you mean "path"?' in other.err) == (2, True), other.err


def test_a_wrong_job_exits_2_with_every_finding_and_runs_nothing(tmp_path: Path) -> None:
    job = project(
        tmp_path, {'row.code }}", name': 'row.code | uper }}", name', "steps.latest[idx].version_number": "steps.lates[idx].v"}
    )
    for command in ("check", "run"):
        ended = portl(tmp_path, command, str(job))
        assert (ended.code, (tmp_path / "runs").exists()) == (2, False)
        lines = ended.err.splitlines()
        assert ["J102" in lines[0], "J201" in lines[1], len(lines)] == [True, True, 2]
        assert lines[0] == f'{job}:40:36 J102 there is no helper "uper"; did you mean "upper"?'


SECRETS = {"PORTL_SECRET_NOTIFY_TOKEN": "t0p-secret/token+x", "DATABASE_WORD": "pass:word%"}


def test_secrets_appear_in_no_output_and_no_file_of_the_run(tmp_path: Path, postgres_url: str, tables: Any, peer: Peer) -> None:
    password = postgres_url.split("@", maxsplit=1)[0].rsplit(":", 1)[1]
    job = project(
        tmp_path,
        {'base_url: "${env:NOTIFY_URL}"': 'base_url: "${env:NOTIFY_URL}", headers: {Authorization: "${secret:notify/token}"}'},
    )
    given = records(5, keys=5)
    given[2]["name"] = SECRETS["PORTL_SECRET_NOTIFY_TOKEN"]
    file = write_records(tmp_path / "in.csv", given)
    variables = {"PG_URL": postgres_url, "NOTIFY_URL": peer.url, **SECRETS}
    good = portl(tmp_path, "run", str(job), "--param", f"path={file}", **variables)
    given[2]["updated_at"] = f"{SECRETS['PORTL_SECRET_NOTIFY_TOKEN']}"
    bad = portl(tmp_path, "run", str(job), "--param", f"path={write_records(file, given)}", **variables)
    assert (good.code, bad.code) == (0, 1), good.err
    assert peer.calls()[0]["headers"]["authorization"] == SECRETS["PORTL_SECRET_NOTIFY_TOKEN"]
    written = [
        each.read_text("utf-8") for each in (tmp_path / "runs").rglob("*") if each.is_file() and "results" not in each.parts
    ]
    told = [good.out, good.err, bad.out, bad.err, *written]
    for secret in (password, SECRETS["PORTL_SECRET_NOTIFY_TOKEN"]):
        assert not any(secret in text for text in told)


def test_help_of_every_command_has_an_example_that_names_it(tmp_path: Path) -> None:
    for name in ("build", "check", "graph", "run"):
        ended = portl(tmp_path, name, "--help")
        assert (ended.code, f"portl {name}" in ended.out.split("Example:")[1]) == (0, True)


def test_the_generated_files_are_what_build_would_write(tmp_path: Path) -> None:
    ended = portl(tmp_path, "build", "--check", "--project", str(FLOW_A))
    assert (ended.code, ended.out) == (0, "everything is as it would be written\n")


def test_the_server_stops_after_its_last_user_was_killed(tmp_path: Path) -> None:
    code = "import sys,time,pathlib; from portl_cli.embedded import start_postgres\n"
    code += "s=start_postgres(pathlib.Path(sys.argv[1])); print(s.url, flush=True); time.sleep(60)"
    process = subprocess.Popen([os.sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    target = parse_url(url)
    connect(url).close()
    process.kill()
    process.wait()
    process.stdout.close()

    def gone() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((target.host, target.port)) != 0

    until(gone, 15)


def test_a_call_refused_behind_the_commit_says_how_many_calls_are_open(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 422, "every": 4, "times": 1})
    given = records(6, keys=6)
    change = {"path: /resources\n": "path: /resources\n    concurrency: 1\n"}
    job = project(tmp_path, change)
    file = write_records(tmp_path / "in.csv", given)
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, len(tables()[0]), "committed; 9 calls open" in ended.err) == (1, 7, True), ended.err


def test_a_function_in_a_file_runs_here_and_is_refused_by_build(tmp_path: Path) -> None:
    job = project(tmp_path, {"function: ingestor": "function: 'own.py:enrich'"})
    ended = portl(tmp_path, "build", "--project", str(job.parent))
    assert (ended.code, "local only" in ended.err) == (2, True), ended.err
    other = project(tmp_path, {"function: ingestor": "function: 'http://somewhere'"})
    ended = portl(tmp_path, "check", str(other))
    assert (ended.code, "J004 function" in ended.err) == (2, True), ended.err


def test_a_database_that_is_not_there_is_the_environments_fault_and_no_function_is_called(tmp_path: Path) -> None:
    job, file = project(tmp_path), write_records(tmp_path / "in.csv", records(2, keys=2))
    for command in ("run", "plan"):
        url = "postgresql://u@127.0.0.1:1/none"
        ended = portl(tmp_path, command, str(job), "--param", f"path={file}", PG_URL=url, NOTIFY_URL="http://127.0.0.1:1")
        assert (ended.code, ended.err[:4], "enrich" in ended.err) == (3, "D101", False), ended.err


def test_a_function_that_fails_is_shown_with_its_line(tmp_path: Path, postgres_url: str, tables: Any, peer: Peer) -> None:
    job = project(tmp_path, {"function: ingestor": "function: 'own.py:enrich'"})
    (job.parent / "own.py").write_text("def enrich(event, _):\n    return 1 / 0\n", "utf-8")
    file = write_records(tmp_path / "in.csv", records(2, keys=2))
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, "L101 own.py:enrich failed with ZeroDivisionError" in ended.err) == (1, True), ended.err
    assert 'own.py", line 2, in enrich' in ended.err


def test_a_broken_schema_is_told_with_its_line(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    job, file = project(tmp_path), write_records(tmp_path / "in.csv", [])
    schema = job.parent / "schema.sql"
    schema.write_text("CREATE TABLE a (n int);\n\nCREATE TABEL b (n int);\n", "utf-8")
    arguments = ("run", str(job), "--param", f"path={file}", "--init-db")
    ended = portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, f'{schema}:3: syntax error at or near "TABEL"' in ended.err) == (3, True), ended.err
    schema.write_bytes(b"-- \xff")
    ended = portl(tmp_path, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert (ended.code, "V124" in ended.err, "Traceback" in ended.err) == (3, True, False), ended.err


def test_a_folder_for_runs_that_cannot_be_made_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", "utf-8")
    job, file = project(tmp_path), write_records(tmp_path / "in.csv", [])
    ended = portl(tmp_path, "run", str(job), "--param", f"path={file}", PORTL_RUNS=str(tmp_path / "taken" / "runs"))
    assert (ended.code, ended.err[:4]) == (3, "V130"), ended.err


def test_ctrl_c_behind_the_commit_says_what_is_committed_and_what_is_open(
    tmp_path: Path, postgres_url: str, tables: Any, peer: Peer
) -> None:
    httpx.post(f"{peer.url}/_script", json={"status": 429, "retry_after": 30, "every": 4})
    job, file = project(tmp_path), write_records(tmp_path / "in.csv", records(12, keys=12))
    process = start(tmp_path, "run", str(job), "--param", f"path={file}", PG_URL=postgres_url, NOTIFY_URL=peer.url)
    until(lambda: len(peer.calls()) >= 4, 30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "interrupted: what was open is rolled back" in err) == (130, True), err
    assert ("state   committed; " in err, " calls open" in err, f"again   portl run {job} --resume resource_sync-" in err) == (
        True,
        True,
        True,
    ), err
