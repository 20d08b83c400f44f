"""A file is waited for until it is there and nobody writes it any more."""

from __future__ import annotations

import time
from typing import Any

import pytest

from files.support import World
from portl.errors import RunError
from portl.runs import AwaitFiles
from portl.runs._file_waits import StillWaiting
from portl.stores import MemoryDriver

SCALE = 0.01


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTL_TIME_SCALE", str(SCALE))


def look(world: World, path: str = "src:x", *, stable_s: float = 10, timeout_s: float = 600) -> Any:
    """What one look comes to: the seconds until the next, or what is there."""
    try:
        return world.do(AwaitFiles(path, stable_s, timeout_s, 30))
    except StillWaiting as problem:
        return problem.seconds


def test_a_file_that_has_been_the_same_long_enough_is_there() -> None:
    world = World(src=MemoryDriver())
    assert look(world) == 30
    world.store("src").write("x", b"12")
    assert look(world) == 10
    time.sleep(12 * SCALE)
    found = look(world)
    assert {name: found[name] for name in ("exists", "size", "count")} == {"exists": True, "size": 2, "count": 1}


def test_a_file_that_grows_is_waited_for_from_its_last_change_on() -> None:
    world = World(src=MemoryDriver())
    for size in (1, 2, 3):
        world.store("src").write("x", b"." * size, overwrite=True)
        assert look(world, stable_s=20) == 20
        time.sleep(12 * SCALE)
    assert look(world, stable_s=20) in range(1, 10)
    time.sleep(10 * SCALE)
    assert look(world, stable_s=20)["size"] == 3


def test_of_a_pattern_all_files_must_have_been_the_same() -> None:
    world = World(src=MemoryDriver())
    world.store("src").write("x.csv", b"1")
    assert look(world, "src:*.csv") == 10
    time.sleep(12 * SCALE)
    world.store("src").write("y.csv", b"23")
    assert look(world, "src:*.csv") == 10
    time.sleep(12 * SCALE)
    found = look(world, "src:*.csv")
    assert (found["size"], found["count"], found["etag"]) == (3, 2, None)


def test_without_a_time_to_be_the_same_for_the_first_look_is_enough() -> None:
    world = World(src=MemoryDriver())
    world.store("src").write("x", b"1")
    assert look(world, stable_s=0)["size"] == 1


@pytest.mark.parametrize(("content", "last"), [(None, "it never came"), (b"123", r"3 bytes are there, and changed \d+ s ago")])
def test_the_end_of_the_time_is_an_error_that_says_what_was_seen_last(content: bytes | None, last: str) -> None:
    world = World(src=MemoryDriver())
    look(world, stable_s=50, timeout_s=60)
    time.sleep(62 * SCALE)
    if content:
        world.store("src").write("x", content)
    with pytest.raises(RunError, match=rf"^R173 src:x was waited for 60 s: {last}$") as caught:
        look(world, stable_s=50, timeout_s=60)
    assert caught.value.outcome == "Permanent"
