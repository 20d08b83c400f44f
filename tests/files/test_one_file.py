"""A file that two addresses lead to is never removed as its own copy, and two files are never taken for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from files.support import World
from portl.runs import CopyFile, Manner
from portl.stores import AzureDriver, Driver, LocalDriver, Overwrite, S3Driver, SftpDriver
from stores.backends import azure_spec, s3_spec, sftp, sftp_spec


@pytest.fixture
def folder() -> Iterator[tuple[SftpDriver, Path]]:
    """A folder of an SFTP server, and where it is on this machine."""
    driver = SftpDriver(sftp_spec())
    yield driver, sftp().root / driver.name.rpartition("/")[2]
    driver.close()


def moved(one: Driver, source: str, other: Driver, target: str, overwrite: Any = "fail") -> tuple[str, World]:
    world = World(one=one) if one is other else World(one=one, other=other)
    name = "one" if one is other else "other"
    result = world.do(CopyFile(f"one:{source}", f"{name}:{target}", Manner(overwrite, moves=True)))
    return result["action"], world


@pytest.mark.parametrize("overwrite", get_args(Overwrite))
@pytest.mark.parametrize("spelling", [("", "/"), ("127.0.0.1", "localhost")])
def test_a_bucket_whose_endpoint_is_spelled_otherwise_keeps_the_only_file(overwrite: Any, spelling: tuple[str, str]) -> None:
    spec = s3_spec()
    endpoint = f"{spec.endpoint}/" if not spelling[0] else str(spec.endpoint).replace(*spelling)
    one = S3Driver(spec)
    World(one=one).store("one").write("x", b"1")
    action, world = moved(one, "x", S3Driver(spec.model_copy(update={"endpoint": endpoint})), "x", overwrite)
    assert (action, world.store("one").read("x")) == ("unchanged", b"1")


def test_so_does_a_container() -> None:
    spec = azure_spec()
    one = AzureDriver(spec)
    World(one=one).store("one").write("x", b"1")
    other = AzureDriver(spec.model_copy(update={"endpoint": str(spec.endpoint).replace("127.0.0.1", "localhost")}))
    action, world = moved(one, "x", other, "x")
    assert (action, world.store("one").read("x")) == ("unchanged", b"1")


@pytest.mark.parametrize("overwrite", get_args(Overwrite))
def test_so_does_a_folder_that_a_link_of_the_server_leads_to(folder: tuple[SftpDriver, Path], overwrite: Any) -> None:
    driver, root = folder
    World(one=driver).store("one").write("out/x", b"1")
    (root / "current").symlink_to("out")
    action, world = moved(driver, "out/x", driver, "current/x", overwrite)
    assert (action, world.store("one").read("out/x")) == ("unchanged", b"1")


def test_so_does_a_file_that_a_link_of_the_server_leads_to(folder: tuple[SftpDriver, Path]) -> None:
    driver, root = folder
    World(one=driver).store("one").write("out/x", b"1")
    (root / "out" / "latest").symlink_to("x")
    action, world = moved(driver, "out/x", driver, "out/latest")
    assert (action, world.store("one").read("out/x")) == ("unchanged", b"1")


@pytest.mark.parametrize("overwrite", get_args(Overwrite))
@pytest.mark.parametrize("first", ["server", "disk"])
def test_so_does_a_folder_that_is_both_on_a_server_and_on_this_disk(
    folder: tuple[SftpDriver, Path], overwrite: Any, first: str
) -> None:
    driver, root = folder
    World(one=driver).store("one").write("x", b"1")
    ways: tuple[Driver, Driver] = (driver, LocalDriver(root))
    one, other = ways if first == "server" else ways[::-1]
    action, world = moved(one, "x", other, "x", overwrite)
    assert (action, world.store("one").read("x"), [*root.iterdir()]) == ("unchanged", b"1", [root / "x"])


@pytest.mark.parametrize("target", ["done/x", "y"])
def test_another_name_of_a_file_lets_go_of_the_first_as_a_killed_move_leaves_two(
    folder: tuple[SftpDriver, Path], target: str
) -> None:
    driver, root = folder
    World(one=driver).store("one").write("x", b"1")
    (root / "done").mkdir()
    os.link(root / "x", root / target)
    action, world = moved(driver, "x", driver, target)
    assert (action, world.store("one").read(target), world.store("one").exists("x")) == ("moved", b"1", False)


def test_two_files_of_one_size_that_were_written_in_one_second_are_two(folder: tuple[SftpDriver, Path]) -> None:
    driver, root = folder
    other = SftpDriver(sftp_spec(root=f"/{root.name}/done"))
    world = World(one=driver, other=other)
    world.store("one").write("x", b"new")
    world.store("other").write("x", b"old")
    for path in ("x", "done/x"):
        os.utime(root / path, (1_000_000_000, 1_000_000_000))
    result = world.do(CopyFile("one:x", "other:x", Manner("replace")))
    assert (result["action"], world.store("other").read("x")) == ("copied", b"new")
    other.close()
