"""A plan writes and sends nothing, and fails on what a run would fail on (jobs.md R5, T3)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows.support import FLOW_A, environment, portl, project, records, write_records
from portl_cli.embedded import Peer

GUARD = """
import os, sys, tempfile
allowed, log, scratch = int(sys.argv[1]), sys.argv[2], os.path.realpath(tempfile.gettempdir()) + "/portl-plan-"
def tell(found):
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(told, found.encode())
    os.close(told)
tell("")
def folder(handle):
    if handle < 0:
        return ""
    if sys.platform == "linux":
        return os.readlink(f"/proc/self/fd/{handle}")
    import fcntl
    return fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\\0").decode()
def watch(event, args):
    found = None
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        found = None if isinstance(address, tuple) and address[1] == allowed else f"{event} {address}"
    elif event == "open" and isinstance(args[0], (str, bytes)) and isinstance(args[1], str) and set(args[1]) & set("wxa+"):
        path = os.path.realpath(os.fsdecode(args[0]))
        found = None if path.startswith(scratch) or path == "/dev/null" else f"{event} {path}"
    elif event in ("os.rename", "os.link"):  # a store names files from a folder that it has opened
        path = os.path.join(folder(args[3]), os.fsdecode(args[1]))
        found = None if path.startswith(scratch) else f"{event} {path}"
    elif event in ("subprocess.Popen", "os.system"):
        found = f"{event} {args[0]}"
    if found:
        tell(found + "\\n")
sys.addaudithook(watch)
sys.dont_write_bytecode = True
sys.argv = ["portl", *sys.argv[3:]]
from portl_cli.main import main
main()
"""


def guarded(tmp_path: Path, port: int, *arguments: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    log = tmp_path / "guard.log"
    command = [sys.executable, "-c", GUARD, str(port), str(log), *arguments]
    done = subprocess.run(
        command, env=environment(tmp_path, variables), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    return done, log.read_text().splitlines()


@pytest.fixture
def reader_url(postgres_url: str, query: Any) -> str:
    """The address of the test's database for a role that may only read."""
    parts = urlsplit(postgres_url)
    role = f"reader_{parts.path[1:]}"
    query(f"CREATE ROLE {role} LOGIN PASSWORD 'r3ader'")
    query(f"GRANT pg_read_all_data TO {role}")
    return parts._replace(netloc=f"{role}:r3ader@{parts.hostname}:{parts.port}").geturl()


def test_a_plan_needs_a_role_that_reads_and_opens_no_other_socket_and_no_file_but_its_own(
    tmp_path: Path, postgres_url: str, reader_url: str, query: Any, peer: Peer
) -> None:
    query((FLOW_A / "schema.sql").read_text("utf-8"))
    query("INSERT INTO resources (code, source, name) VALUES ('kept', 's', 'n')")
    file = write_records(tmp_path / "in.csv", records(10, keys=5))
    job = project(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    port = urlsplit(postgres_url).port or 0
    done, seen = guarded(tmp_path, port, "plan", str(job), "--param", f"path={file}", PG_URL=reader_url, NOTIFY_URL=peer.url)
    assert (done.returncode, seen) == (0, []), done.stderr
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file() and path.name != "guard.log"}
    assert (after, peer.calls()) == (before | {peer.file: after.get(peer.file)} if peer.file in after else before, [])
    assert query("SELECT code FROM resources") == [("kept",)]


def test_the_guard_of_these_tests_sees_a_run(tmp_path: Path, postgres_url: str, peer: Peer) -> None:
    file = write_records(tmp_path / "in.csv", records(1, keys=1))
    port = urlsplit(postgres_url).port or 0
    arguments = ("run", str(project(tmp_path)), "--param", f"path={file}", "--init-db")
    done, seen = guarded(tmp_path, port, *arguments, PG_URL=postgres_url, NOTIFY_URL=peer.url)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("open ") for line in seen)


ENRICH = 'payload: {code: "{{ row.code }}", name'
NAME = '      name: "{{ row.name }}"\n      slug'
MOMENT = 'updated_at: {from: "{{ row.updated_at }}"'
MISTAKES = {
    "missing reference": (ENRICH, ENRICH.replace("row.code", "row.cod"), "T110 `row.cod` is not there; did you mean `code`?"),
    "type": (MOMENT, MOMENT.replace("row.updated_at", "row.name"), "M102 updated_at cannot be datetime"),
    "unknown column": (NAME, NAME.replace("name:", "nam:"), "M105 the table resources has no column nam"),
    "not null": (NAME, "      slug", "M104 name of resources is NOT NULL"),
}
PLACES = {"missing reference": "row.cod ", "type": "row.name", "unknown column": "row.name", "not null": "id: resource"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_plan_fails_where_the_run_would_and_says_where_in_the_job(
    tmp_path: Path, postgres_url: str, query: Any, mistake: str
) -> None:
    query((FLOW_A / "schema.sql").read_text("utf-8"))
    old, new, told = MISTAKES[mistake]
    job = project(tmp_path, {old: new})
    file = write_records(tmp_path / "in.csv", records(3, keys=3))
    ended = portl(tmp_path, "plan", str(job), "--param", f"path={file}", PG_URL=postgres_url)
    assert (ended.code, ended.out, told in ended.err) == (1, "", True), ended.err
    (place,) = [line.removeprefix("  job     ") for line in ended.err.splitlines() if line.startswith("  job ")]
    name, line, column = place.rsplit(":", 2)
    rest = job.read_text("utf-8").splitlines()[int(line) - 1][int(column) - 1 :]
    assert (name, PLACES[mistake] in rest[:24]) == (str(job), True), place


def test_a_broken_file_is_found_behind_the_records_that_are_shown(tmp_path: Path) -> None:
    file = write_records(tmp_path / "in.csv", records(9, keys=3))
    file.write_text(file.read_text("utf-8") + "only,two\n", "utf-8")
    ended = portl(tmp_path, "plan", str(project(tmp_path)), "--param", f"path={file}", "--sample", "1")
    assert (ended.code, "line 11" in ended.err) == (1, True), ended.err


def test_without_a_database_demo_takes_the_columns_from_the_schema(tmp_path: Path) -> None:
    file = write_records(tmp_path / "in.csv", records(1, keys=1))
    right = portl(tmp_path, "plan", str(project(tmp_path)), "--param", f"path={file}", "--demo")
    assert (right.code, "is not set" in right.out) == (0, False), right.err
    wrong = project(tmp_path, {'      name: "{{ row.name }}"\n      slug': "      slug"})
    ended = portl(tmp_path, "plan", str(wrong), "--param", f"path={file}", "--demo")
    assert (ended.code, "M104" in ended.err) == (1, True), ended.err


def test_dry_run_is_the_plan(tmp_path: Path) -> None:
    file = write_records(tmp_path / "in.csv", records(2, keys=2))
    arguments = (str(project(tmp_path)), "--param", f"path={file}", "--sample", "1")
    assert portl(tmp_path, "run", *arguments, "--dry-run") == portl(tmp_path, "plan", *arguments)
    assert not (tmp_path / "runs").exists()


def test_a_parameter_that_is_missing_is_told_before_anything_else(tmp_path: Path) -> None:
    ended = portl(tmp_path, "plan", str(project(tmp_path)))
    assert (ended.code, ended.out, "R101" in ended.err) == (2, "", True)


def test_a_sample_stands_for_a_result_and_decides(tmp_path: Path) -> None:
    job = project(
        tmp_path,
        {"  - id: latest_before\n": "  - id: latest_before\n    sample: {id: 9, version_number: 4, status: published}\n"},
    )
    file = write_records(tmp_path / "in.csv", records(1, keys=1))
    ended = portl(tmp_path, "plan", str(job), "--param", f"path={file}", "--json")
    notes = [json.loads(line) for line in ended.out.splitlines()]
    assert [note["branch"] for note in notes if note["kind"] == "decide"] == ["then"]
    (insert,) = [note for note in notes if note["step"] == "insert_version"]
    assert dict(zip(insert["columns"], insert["params"], strict=True))["version_number"] == 5
    assert "update_version" not in {note["step"] for note in notes}
    assert os.fspath(tmp_path / "runs") not in ended.out
