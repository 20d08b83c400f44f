"""``portl store``: what a terminal shows while files are on their way, and what Ctrl-C leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from commands.stores_lab import Lab
from portl.errors import Changed
from portl.stores import File, MemoryDriver, Progress, Store
from portl_cli.commands._stores.carrying import How, carry
from portl_cli.commands._stores.sources import Source
from portl_cli.commands._stores.tasks import Task
from stores.sftp_server import SftpServer, start_sftp_server

MIB = 1024 * 1024


class Slow(asyncssh.SFTPServer):
    """Takes its time for each write, so that a file is on its way for long."""

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        time.sleep(0.005)
        return int(super().write(file_obj, offset, data))  # type: ignore[arg-type]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    server = start_sftp_server(tmp_path_factory.mktemp("slow"), Slow)
    yield server
    server.cut()


def test_a_terminal_shows_a_bar_for_all_files_and_what_came_of_them(lab: Lab) -> None:
    lab.add("lake", "s3")
    for name in ("a.csv", "b.csv", "c.csv"):
        lab.put(f"in/{name}", 1000 * name.encode())
    with lab.terminal("cp", "in", "lake:", "--recursive") as terminal:
        terminal.wait_for("copying 0 of 3 files")
        terminal.wait_for("copying 3 of 3 files")
        terminal.wait_for("15.0/15.0 kB")
        terminal.wait_for("3 files copied (15.0 kB), in ")
        assert terminal.ended() == 0


def test_a_terminal_shows_what_failed_beside_the_bar(lab: Lab) -> None:
    lab.add("lake", "local").write("a.csv", b"other")
    lab.put("a.csv", b"mine")
    with lab.terminal("cp", "a.csv", "lake:") as terminal:
        terminal.wait_for("F106 lake:a.csv is already there")
        terminal.wait_for("1 file failed")
        assert terminal.ended() == 1


def test_a_terminal_that_cannot_draw_gets_plain_lines(lab: Lab) -> None:
    lab.add("lake", "local")
    lab.put("a.csv", b"mine")
    lab.variables["TERM"] = "dumb"
    with lab.terminal("cp", "a.csv", "lake:") as terminal:
        terminal.wait_for("copied a.csv to lake:a.csv (4 bytes)\n1 file copied (4 bytes), in ")
        assert terminal.ended() == 0


def test_ctrl_c_gives_up_what_is_on_its_way_and_leaves_nothing_half(lab: Lab, slow: SftpServer) -> None:
    lake = lab.add("lake", "sftp", slow)
    for name in ("a.bin", "b.bin"):
        with lab.put(f"in/{name}", b"").open("wb") as file:
            file.truncate(256 * MIB)
    with lab.terminal("mv", "in", "lake:", "-r") as terminal:
        terminal.wait_for("in/a.bin")
        assert terminal.interrupt() == 130
        assert "interrupted" in terminal.seen
    assert [*lake.list("", recursive=True)] == []
    assert [path for path in slow.root.rglob("*") if path.is_file()] == []
    assert {path.name: path.stat().st_size for path in (lab.folder / "in").iterdir()} == {
        "a.bin": 256 * MIB,
        "b.bin": 256 * MIB,
    }


def test_ctrl_c_ends_a_copy_on_this_machine_too(lab: Lab) -> None:
    with lab.put("in.bin", b"").open("wb") as file:
        file.truncate(64 * 1024 * MIB)
    with lab.terminal("cp", "in.bin", "out/there.bin") as terminal:
        terminal.wait_for("in.bin")
        assert terminal.interrupt() == 130
    assert lab.tree("out") == {}


def test_a_source_that_changes_while_it_is_moved_is_kept() -> None:
    """It changes when its copy is compared and finished, at the last moment before it would go."""
    one, two = Store(MemoryDriver()), Store(MemoryDriver())
    one.write("a.csv", b"old")
    entry = one.stat("a.csv")
    assert entry is not None
    task = Task(Source(File("one:a.csv", one, "a.csv"), entry, "a.csv"), File("two:a.csv", two, "a.csv"))

    def change(told: Progress) -> None:
        if told.files:
            one.write("a.csv", b"new", overwrite=True)

    with pytest.raises(Changed, match=r"one:a\.csv has changed since it was looked at"):
        carry(How(move=True), task, change)
    assert (one.read("a.csv"), two.read("a.csv")) == (b"new", b"old")
