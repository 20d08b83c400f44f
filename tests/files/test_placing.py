"""What becomes of a file whose place is taken, and of a source that changes meanwhile."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from files.support import Clock, World
from portl.errors import AlreadyExists, Changed, FolderNotEmpty, IsFolder, NotFound, RunError
from portl.runs import CopyFile, CopyFiles, DeleteFiles, ListFiles, LookAt, Manner, SignFile
from portl.stores import LocalDriver, MemoryDriver, S3Driver, SftpDriver
from portl.values import redact
from stores.backends import BACKENDS, TESTED, s3_spec, sftp_spec


@pytest.fixture(params=TESTED)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A folder to copy from, and a store of every kind to copy to."""
    world = World(here=LocalDriver(tmp_path / "here"), there=BACKENDS[request.param](tmp_path / "there"))
    world.store("here").write("a.csv", b"new")
    return world


def copy(world: World, overwrite: Any = "fail", **how: Any) -> Any:
    return world.do(CopyFile("here:a.csv", "there:in/b.csv", Manner(overwrite, **how)))


def told(result: dict[str, Any]) -> tuple[Any, ...]:
    return result["path"], result["size"], result["action"]


@pytest.mark.parametrize("verify", ["size", "checksum", "full"])
def test_a_file_is_copied_and_what_was_written_is_told(world: World, verify: Any) -> None:
    result = copy(world, verify=verify)
    assert told(result) == ("there:in/b.csv", 3, "copied")
    assert world.store("there").read("in/b.csv") == b"new"
    assert world.store("here").read("a.csv") == b"new"


def test_the_same_content_counts_as_done(world: World) -> None:
    copy(world)
    assert [told(copy(world, each))[2] for each in ("fail", "if_different")] == ["unchanged"] * 2


@pytest.mark.parametrize(("overwrite", "action", "left"), [("skip", "skipped", b"old"), ("replace", "copied", b"new")])
def test_another_content_stays_or_goes_as_it_is_said(world: World, overwrite: Any, action: str, left: bytes) -> None:
    world.store("there").write("in/b.csv", b"old")
    assert told(copy(world, overwrite))[2] == action
    assert world.store("there").read("in/b.csv") == left


def test_another_content_of_the_same_size_is_another_content(world: World) -> None:
    world.store("there").write("in/b.csv", b"old")
    with pytest.raises(AlreadyExists, match=r"^F106 there:in/b\.csv is already there$"):
        copy(world)
    assert told(copy(world, "if_different"))[2] == "copied"


def test_only_a_newer_file_takes_the_place_of_an_older_one(world: World, tmp_path: Path) -> None:
    world.store("there").write("in/b.csv", b"old")
    os.utime(tmp_path / "here" / "a.csv", (1, 1))
    assert told(copy(world, "if_newer"))[2] == "skipped"
    later = datetime.now(UTC).timestamp() + 3600
    os.utime(tmp_path / "here" / "a.csv", (later, later))
    assert told(copy(world, "if_newer"))[2] == "copied"


def test_a_moved_file_is_gone_from_where_it_was_and_one_that_is_skipped_stays(world: World) -> None:
    move = CopyFile("here:a.csv", "there:in/b.csv", Manner("skip", moves=True))
    world.store("there").write("in/b.csv", b"old")
    assert told(world.do(move))[2] == "skipped"
    assert world.store("here").exists("a.csv")
    world.store("there").delete("in/b.csv")
    assert told(world.do(move))[2] == "moved"
    assert not world.store("here").exists("a.csv")


def test_what_is_not_there_is_told_by_its_address(world: World) -> None:
    with pytest.raises(NotFound, match=r"^F101 here:none\.csv is not there"):
        world.do(CopyFile("here:none.csv", "there:x", Manner()))
    with pytest.raises(NotFound, match=r"^F101 there:none\.csv is not there"):
        world.do(DeleteFiles("there:none.csv", missing_ok=False))
    assert world.do(DeleteFiles("there:none.csv")) == {"count": 0}
    assert world.do(LookAt("there:none.csv")) == {
        "exists": False,
        "size": None,
        "modified": None,
        "etag": None,
        "version": None,
    }


def test_a_folder_is_no_file_that_exists(world: World) -> None:
    copy(world)
    assert world.do(LookAt("there:in"))["exists"] is False


def test_what_is_there_is_told_with_its_size_and_time(world: World) -> None:
    copy(world)
    found = world.do(LookAt("there:in/b.csv"))
    assert (found["exists"], found["size"]) == (True, 3)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found["modified"])).total_seconds()) < 3600


def test_a_list_names_files_by_addresses_that_can_be_used_again(world: World) -> None:
    for name in ("in/x.csv", "in/deep/y.tar.gz", "in/none", "z.csv"):
        world.store("there").write(name, b"1234")
    flat = [*world.work().listed(ListFiles("there:in/"))]
    assert [each["path"] for each in flat] == ["there:in/none", "there:in/x.csv"]
    deep = [*world.work().listed(ListFiles("there:in", recursive=True))]
    told = [(each["path"], each["name"], each["stem"], each["suffix"], each["folder"], each["size"]) for each in deep]
    assert told == [
        ("there:in/deep/y.tar.gz", "y.tar.gz", "y.tar", ".gz", "in/deep", 4),
        ("there:in/none", "none", "none", "", "in", 4),
        ("there:in/x.csv", "x.csv", "x", ".csv", "in", 4),
    ]
    assert [each["path"] for each in world.work().listed(ListFiles("there:**/*.csv"))] == ["there:in/x.csv", "there:z.csv"]
    assert [*world.work().listed(ListFiles("there:nowhere"))] == []
    assert all(world.do(LookAt(each["path"]))["etag"] == each["etag"] for each in deep)


def test_a_folder_is_removed_only_where_that_is_said(world: World) -> None:
    for name in ("in/x.csv", "in/deep/y.csv"):
        world.store("there").write(name, b"1")
    with pytest.raises((IsFolder, NotFound, FolderNotEmpty)) as caught:
        world.do(DeleteFiles("there:in", missing_ok=False))
    assert world.store("there").exists("in/x.csv"), caught.value
    assert world.do(DeleteFiles("there:in/", recursive=True)) == {"count": 2}
    assert [*world.store("there").list(recursive=True)] == []


def test_a_source_that_changes_while_it_is_moved_is_kept_as_it_is_now() -> None:
    world = World(src=MemoryDriver(), dst=MemoryDriver())
    world.store("src").write("x", b"first")

    class Writes(Clock):
        """Somebody writes the source anew when its copy is there."""

        def call(self, made: Any) -> Any:
            answer = made()
            if world.contents()["dst"] and world.contents()["src"] == {"x": b"first"}:
                world.store("src").write("x", b"second", overwrite=True)
            return answer

    with pytest.raises(Changed, match=r"^F109 src:x has changed since"):
        world.do(CopyFile("src:x", "dst:x", Manner(moves=True)), Writes())
    assert world.contents() == {"src": {"x": b"second"}, "dst": {"x": b"first"}}


@pytest.mark.parametrize("to", ["one:sub/x", "two:x"])
def test_a_file_is_never_removed_as_its_own_copy_though_two_stores_lead_there(tmp_path: Path, to: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "root")
    world = World(one=LocalDriver(tmp_path / "root"), two=LocalDriver(tmp_path / "link" / "sub"))
    world.store("one").write("sub/x", b"1")
    result = world.do(CopyFile("one:sub/x", to, Manner(moves=True)))
    assert (result["action"], world.store("one").read("sub/x")) == ("unchanged", b"1")


@pytest.mark.parametrize("overwrite", ["fail", "replace"])
def test_so_it_is_in_a_bucket_that_two_keys_lead_to(overwrite: Any) -> None:
    spec = s3_spec()
    other = spec.model_copy(update={"prefix": "sub", "access_key_id": "another"})
    world = World(one=S3Driver(spec), two=S3Driver(other))
    world.store("one").write("sub/x", b"1")
    result = world.do(CopyFile("one:sub/x", "two:x", Manner(overwrite, moves=True)))
    assert (result["action"], world.store("one").read("sub/x")) == ("unchanged", b"1")


@pytest.mark.parametrize("overwrite", ["fail", "replace", "if_different", "skip"])
def test_so_it_is_in_a_folder_of_a_server_that_two_spellings_lead_to(overwrite: Any) -> None:
    spec = sftp_spec()
    world = World(one=SftpDriver(spec), two=SftpDriver(spec.model_copy(update={"root": f"{spec.root}/sub/."})))
    world.store("one").write("sub/x", b"1")
    result = world.do(CopyFile("one:sub/x", "two:x", Manner(overwrite, moves=True)))
    assert (result["action"], world.store("one").read("sub/x")) == ("unchanged", b"1")


def test_a_file_goes_from_one_folder_of_a_server_to_another_over_two_connections() -> None:
    spec = sftp_spec()
    world = World(one=SftpDriver(spec), two=SftpDriver(spec.model_copy(update={"root": f"{spec.root}/done"})))
    world.store("one").write("x", b"1")
    world.store("two").write("x", b"22")
    result = world.do(CopyFile("one:x", "two:x", Manner("replace", moves=True)))
    assert (result["action"], world.store("two").read("x"), world.store("one").exists("x")) == ("moved", b"1", False)


def many(source: str, to: Any, parallel: int = 4) -> CopyFiles:
    return CopyFiles(source, "", Manner(), to, parallel)


def test_a_pattern_of_too_many_files_is_told_the_way_out() -> None:
    world = World(src=MemoryDriver(), dst=MemoryDriver())
    for at in range(1001):
        world.store("src").write(f"{at:04d}", b"")
    with pytest.raises(RunError, match=r"^R171 src:\* means more than 1,000 files$") as caught:
        world.do(many("src:*", lambda file: f"dst:{file['name']}"))
    assert "store.list" in caught.value.hint
    assert world.contents()["dst"] == {}
    world.store("src").delete("1000")
    assert world.do(many("src:*", lambda file: f"dst:{file['name']}", 32))["copied"] == 1000


def test_files_that_would_become_one_are_refused_before_anything_is_copied() -> None:
    world = World(src=MemoryDriver(), dst=MemoryDriver())
    for name in ("x/1", "y/1"):
        world.store("src").write(name, b"1")
    with pytest.raises(RunError, match=r"^R172 src:x/1 and src:y/1 would both become dst:1$"):
        world.do(many("src:**", lambda file: f"dst:{file['name']}"))
    assert world.contents()["dst"] == {}


def test_files_that_would_take_the_place_of_one_another_are_refused_before_anything_is_moved() -> None:
    world = World(src=MemoryDriver())
    for name in "123":
        world.store("src").write(name, name.encode())
    move = CopyFiles("src:*", "", Manner("replace", moves=True), lambda file: f"src:{int(file['name']) + 1}")
    with pytest.raises(RunError, match=r"^R172 src:1 would become src:2, which is itself to be moved$"):
        world.do(move)
    assert world.contents() == {"src": {"1": b"1", "2": b"2", "3": b"3"}}


def test_the_files_behind_one_that_fails_are_begun_when_it_is_tried_again_and_none_is_done_twice() -> None:
    world = World(src=MemoryDriver(), dst=MemoryDriver())
    for name in "abcd":
        world.store("src").write(name, name.encode())
    world.store("dst").write("c", b"another")
    with pytest.raises(AlreadyExists, match=r"^F106 dst:c is already there"):
        world.do(many("src:*", lambda file: f"dst:{file['name']}", 1))
    assert sorted(world.contents()["dst"]) == ["a", "b", "c"]
    world.store("dst").delete("c")
    result = world.do(many("src:*", lambda file: f"dst:{file['name']}", 1))
    assert result == {"count": 4, "bytes": 4, "copied": 4, "skipped": 0, "unchanged": 0}


def test_no_file_is_begun_when_the_function_has_no_time_left_and_what_is_done_is_kept() -> None:
    world = World(src=MemoryDriver(), dst=MemoryDriver())
    for name in "abc":
        world.store("src").write(name, b"1")
    work, seconds = world.work(), iter([60.0, 60.0, 10.0, 10.0])
    work._connections.remaining = lambda: next(seconds)
    with pytest.raises(RunError, match=r"^R174 time ran short") as caught:
        work.answer(many("src:*", lambda file: f"dst:{file['name']}", 1))
    assert (caught.value.outcome, len(world.contents()["dst"])) == ("Transient", 1)
    assert world.do(many("src:*", lambda file: f"dst:{file['name']}"))["copied"] == 3


def test_a_signed_address_is_masked_in_everything_that_is_told() -> None:
    world = World(lake=S3Driver(s3_spec()))
    world.store("lake").write("a.csv", b"1")
    found = world.do(SignFile("lake:a.csv", "GET", 60))
    left = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
    assert (found["url"].startswith("http"), 50 < left.total_seconds() <= 60) == (True, True)
    assert redact(f"sent to {found['url']} today") == "sent to *** today"
    elsewhere = found["url"].replace("a.csv", "b.csv")
    assert "X-Amz-Signature=***" in redact(elsewhere)


def test_a_store_that_cannot_sign_says_so() -> None:
    world = World(partner=SftpDriver(sftp_spec()))
    with pytest.raises(Exception, match=r"^F108 partner:a: .* cannot sign: it lacks sign"):
        world.do(SignFile("partner:a", "GET", 60))
