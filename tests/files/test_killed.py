"""A move, copy or removal that is killed at any call to a store and tried again ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from files.support import Clock, Killed, World
from portl.runs import CopyFile, CopyFiles, DeleteFiles, FileIntent, Manner
from portl.stores import LocalDriver, MemoryDriver, S3Driver, SftpDriver
from stores.backends import s3_spec, sftp_spec

LARGE = bytes(range(256)) * 40
SETTINGS = {
    "memory to memory": lambda _: {"src": MemoryDriver(part_bytes=4096), "dst": MemoryDriver(part_bytes=4096)},
    "folder to folder": lambda tmp: {"src": LocalDriver(tmp / "a"), "dst": LocalDriver(tmp / "b")},
    "sftp to s3": lambda _: {"src": SftpDriver(sftp_spec()), "dst": S3Driver(s3_spec())},
}
INSIDE = {
    "a folder": lambda tmp: {"src": LocalDriver(tmp / "a")},
    "sftp": lambda _: {"src": SftpDriver(sftp_spec())},
    "s3": lambda _: {"src": S3Driver(s3_spec())},
}


def move(source: str, target: str, **how: Any) -> CopyFile:
    return CopyFile(source, target, Manner(moves=True, **how))


def every_end(make: Callable[[], World], intent: FileIntent, more: Callable[[World], Any] = World.contents) -> list[Any]:
    """What it comes to, killed at every call before it goes out and behind it, each time in a world of its own."""
    counting = Clock()
    make().do(intent, counting)
    ends = []
    for at in range(counting.count):
        for behind in (False, True):
            world = make()
            with pytest.raises(Killed):
                world.do(intent, Clock(at, behind=behind))
            ends.append((world.do(intent), more(world)))
    assert len(ends) > 6
    return ends


@pytest.mark.parametrize("overwrite", ["fail", "skip", "if_newer", "if_different", "replace"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_move_between_stores_that_is_killed_anywhere_and_tried_again_has_moved_the_file(
    tmp_path: Path, setting: str, overwrite: Any
) -> None:
    number = iter(range(1000))

    def make() -> World:
        world = World(**SETTINGS[setting](tmp_path / str(next(number))))
        world.store("src").write("out/x.csv", LARGE)
        return world

    ends = every_end(make, move("src:out/x.csv", "dst:in/x.csv", overwrite=overwrite))
    expected = {"src": {}, "dst": {"in/x.csv": LARGE}}
    assert [end for end in ends if end[1] != expected] == []
    assert {(end[0]["path"], end[0]["size"], end[0]["action"]) for end in ends} == {("dst:in/x.csv", len(LARGE), "moved")}


@pytest.mark.parametrize("setting", INSIDE)
def test_so_has_a_move_inside_one_store(tmp_path: Path, setting: str) -> None:
    number = iter(range(1000))

    def make() -> World:
        world = World(**INSIDE[setting](tmp_path / str(next(number))))
        world.store("src").write("out/x.csv", LARGE)
        return world

    ends = every_end(make, move("src:out/x.csv", "src:done/x.csv"))
    assert [end for end in ends if end[1] != {"src": {"done/x.csv": LARGE}}] == []
    assert {(end[0]["size"], end[0]["action"]) for end in ends} == {(len(LARGE), "moved")}


def test_a_copy_that_is_killed_anywhere_and_tried_again_is_there_once_and_whole() -> None:
    def make() -> World:
        world = World(src=MemoryDriver(part_bytes=4096), dst=MemoryDriver(part_bytes=4096))
        world.store("src").write("x.csv", LARGE)
        return world

    ends = every_end(make, CopyFile("src:x.csv", "dst:x.csv", Manner()))
    assert [end for end in ends if end[1] != {"src": {"x.csv": LARGE}, "dst": {"x.csv": LARGE}}] == []
    assert {(end[0]["size"], end[0]["action"]) for end in ends} == {(len(LARGE), "copied"), (len(LARGE), "unchanged")}


def pattern(source: str, folder: str, **how: Any) -> CopyFiles:
    return CopyFiles(source, "", Manner(**how), lambda file: f"{folder}{file['name']}", parallel=1)


def test_the_files_of_a_pattern_are_moved_and_counted_once_though_the_pattern_finds_fewer_when_it_is_tried_again() -> None:
    def make() -> World:
        world = World(src=MemoryDriver(), dst=MemoryDriver())
        for name in "xyz":
            world.store("src").write(f"{name}.csv", name.encode())
        return world

    ends = every_end(make, pattern("src:*.csv", "dst:in/", moves=True))
    expected = {"count": 3, "bytes": 3, "moved": 3, "skipped": 0, "unchanged": 0}
    assert {str(end[0]) for end in ends} == {str(expected)}
    assert [end for end in ends if end[1] != {"src": {}, "dst": {f"in/{name}.csv": name.encode() for name in "xyz"}}] == []


@pytest.mark.parametrize(("path", "recursive", "left"), [("src:x.csv", False, 3), ("src:*.csv", False, 2), ("src:f", True, 2)])
def test_what_is_removed_is_counted_once_though_the_answer_was_lost(path: str, recursive: bool, left: int) -> None:
    def make() -> World:
        world = World(src=MemoryDriver())
        for name in ("x.csv", "y.csv", "f/1", "f/2"):
            world.store("src").write(name, b"1")
        return world

    ends = every_end(make, DeleteFiles(path, recursive), lambda world: len(world.contents()["src"]))
    assert {(end[0]["count"], end[1]) for end in ends} == {(4 - left, left)}


def test_a_resumed_run_knows_what_the_run_before_it_had_moved() -> None:
    world = World(src=MemoryDriver(), dst=MemoryDriver())
    world.store("src").write("x.csv", b"1")
    world.do(move("src:x.csv", "dst:x.csv"), run="first")
    assert world.do(move("src:x.csv", "dst:x.csv"), run="second", bases=("first",))["action"] == "moved"
    with pytest.raises(Exception, match=r"^F101 src:x\.csv is not there"):
        world.do(move("src:x.csv", "dst:x.csv"), run="third")
