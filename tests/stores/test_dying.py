"""Sources and targets that die at any call: nothing half is seen, nothing is lost, and what is done again ends well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from portl.errors import StoreError
from portl.stores import NO_RETRY, ChecksumMismatch, MemoryDriver, RetryPolicy, Store, transfer
from stores.backends import BACKENDS, TESTED
from stores.failing import FailingDriver, FlippingDriver

QUICK = RetryPolicy(attempts=3, base_s=0.001, max_s=0.002, deadline_s=30)
SMALL, LONG = b"small", bytes(range(256)) * 12_300


@pytest.fixture(params=TESTED)
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    found = BACKENDS[request.param](tmp_path)
    yield found
    found.close()


def source_of(content: bytes) -> Store:
    store = Store(MemoryDriver())
    store.write("in", content)
    return store


def places(count: int) -> Iterator[int]:
    """The calls to die at: every one, or of many the first, the last and some between."""
    yield from range(1, count + 1, max(1, count // 8))
    yield count


def everything(driver: Any) -> dict[str, bytes]:
    store = Store(driver)
    return {each.path: store.read(each.path) for each in store.list("", recursive=True)}


def calls_of(driver: Any, content: bytes) -> int:
    """How many calls of the target a copy takes."""
    counting = FailingDriver(driver)
    transfer(source_of(content), "in", Store(counting, retry=NO_RETRY), "calm")
    Store(driver).delete("calm")
    return len(counting.made)


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("content", [SMALL, LONG], ids=["small", "long"])
def test_a_target_that_dies_at_any_call_has_the_whole_file_or_none_and_the_copy_can_be_done_again(
    driver: Any, content: bytes, how: Any
) -> None:
    for at in places(calls_of(driver, content)):
        dying = Store(FailingDriver(driver, at, how), retry=NO_RETRY)
        with suppress(StoreError):
            transfer(source_of(content), "in", dying, "out")
        assert everything(driver) in ({}, {"out": content}), (at, how)
        transfer(source_of(content), "in", Store(driver), "out", resume=True)
        assert everything(driver) == {"out": content}, (at, how)
        Store(driver).delete("out")


@pytest.mark.parametrize("content", [SMALL, LONG], ids=["small", "long"])
def test_a_call_that_fails_for_a_while_only_is_made_again_and_the_copy_ends_well(driver: Any, content: bytes) -> None:
    for at in places(calls_of(driver, content)):
        transfer(source_of(content), "in", Store(FailingDriver(driver, at), retry=QUICK), "out")
        assert everything(driver) == {"out": content}, at
        Store(driver).delete("out")


def test_a_source_that_dies_at_any_call_leaves_nothing_at_the_target_and_stays(driver: Any) -> None:
    Store(driver).write("in", LONG)
    calm = FailingDriver(driver)
    transfer(Store(calm, retry=NO_RETRY), "in", Store(MemoryDriver()), "out")
    for at in places(len(calm.made) - 1):
        target = Store(MemoryDriver())
        with pytest.raises(StoreError):
            transfer(Store(FailingDriver(driver, at), retry=NO_RETRY), "in", target, "out")
        assert ([*target.list("")], everything(driver)) == ([], {"in": LONG}), at


@pytest.mark.parametrize("content", [SMALL, LONG], ids=["small", "long"])
def test_a_move_that_dies_at_any_call_never_loses_the_file(driver: Any, content: bytes) -> None:
    Store(driver).write("in", content)
    calm = FailingDriver(driver)
    Store(calm, retry=NO_RETRY).move("in", "calm")
    Store(driver).move("calm", "in")
    for at in places(len(calm.made) - 1):
        with suppress(StoreError):
            Store(FailingDriver(driver, at), retry=NO_RETRY).move("in", "out")
        left = everything(driver)
        assert left in ({"in": content}, {"in": content, "out": content}, {"out": content}), at
        for path in left:
            Store(driver).delete(path)
        Store(driver).write("in", content)


@pytest.mark.parametrize("content", [SMALL, LONG], ids=["small", "long"])
def test_a_flipped_byte_is_told_the_target_is_removed_and_the_source_kept(driver: Any, content: bytes) -> None:
    source = source_of(content)
    with pytest.raises(ChecksumMismatch):
        transfer(source, "in", Store(FlippingDriver(driver)), "out", verify="full")
    assert (everything(driver), source.read("in")) == ({}, content)
