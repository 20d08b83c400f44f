"""What every store promises, whatever stands behind it (stores.md A, P1 to P6)."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.errors import StoreError
from portl.stores import (
    AlreadyExists,
    Changed,
    ChecksumMismatch,
    FolderNotEmpty,
    InvalidPath,
    IsFolder,
    NotAFolder,
    NotFound,
    NotSupported,
    Progress,
    Store,
    StoreClosed,
    download,
    transfer,
    upload,
)
from stores.backends import BACKENDS, TESTED

REFUSED = [
    "",
    "/a",
    "../a",
    "a/../b",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "a\\b",
    "C:/a",
    "c:a",
    "a\nb",
    "a\0b",
    "a\x85",
    "a\ud800",
]
LARGE = bytes(range(256)) * 12_000


@pytest.fixture(params=TESTED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with Store(BACKENDS[request.param](tmp_path)) as store:
        yield store


def needs(store: Store, capability: Any) -> None:
    if not store.supports(capability):
        pytest.skip(f"{store.name} has no {capability}")


def paths(store: Store, *arguments: Any, **options: Any) -> list[str]:
    return [entry.path for entry in store.list(*arguments, **options)]


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n", LARGE], ids=["empty", "small", "large"])
def test_what_is_written_is_read_and_told(store: Store, content: bytes) -> None:
    written = store.write("a/b/c.bin", content)
    entry = store.stat("a/b/c.bin")
    assert entry is not None
    assert (written.path, written.size, written.checksum) == (
        "a/b/c.bin",
        len(content),
        f"sha256:{hashlib.sha256(content).hexdigest()}",
    )
    assert (entry.path, entry.kind, entry.size, entry.name) == ("a/b/c.bin", "file", len(content), "c.bin")
    assert store.read("a/b/c.bin") == content


def test_content_is_taken_whole_as_a_stream_or_in_parts(store: Store) -> None:
    store.write("whole", b"abc")
    store.write("stream", io.BytesIO(LARGE))
    store.write("parts", (each for each in (b"ab", b"", b"c")))
    assert [store.read(path) for path in ("whole", "stream", "parts")] == [b"abc", LARGE, b"abc"]


@pytest.mark.parametrize("problem", [OSError("source lost"), ValueError("source wrong"), NotFound("elsewhere")])
@pytest.mark.parametrize("before", [b"", LARGE], ids=["at once", "behind a part"])
def test_a_source_that_fails_is_told_by_its_own_error_and_changes_nothing(
    store: Store, problem: Exception, before: bytes
) -> None:
    def source() -> Iterator[bytes]:
        yield before
        raise problem

    store.write("in/a", b"old")
    for path in ("in/a", "in/b"):
        with pytest.raises(type(problem)) as caught:
            store.write(path, source(), overwrite=True)
        assert caught.value is problem
    assert (paths(store, "in"), store.read("in/a")) == (["in/a"], b"old")


def test_a_writer_shows_its_file_on_a_clean_exit_only(store: Store) -> None:
    with store.writer("a") as file:
        file.write(LARGE)
        assert not store.exists("a")
        file.write(b"end")
    with pytest.raises(KeyError):
        broken(store.writer("b"))
    assert (store.read("a"), paths(store)) == (LARGE + b"end", ["a"])


def broken(writer: Any) -> None:
    with writer as file:
        file.write(LARGE)
        raise KeyError


@pytest.mark.parametrize("content", [b"second", LARGE], ids=["small", "large"])
def test_a_write_that_must_not_overwrite_leaves_what_is_there(store: Store, content: bytes) -> None:
    needs(store, "create")
    store.write("a", b"first")
    with pytest.raises(AlreadyExists):
        store.write("a", content)
    assert store.read("a") == b"first"
    store.write("a", content, overwrite=True)
    assert (store.read("a"), paths(store)) == (content, ["a"])


@pytest.mark.parametrize("size", [1, pytest.param(len(LARGE), marks=pytest.mark.long)], ids=["small", "large"])
def test_of_sixteen_writers_that_must_not_overwrite_one_wins_in_each_of_ten_rounds(store: Store, size: int) -> None:
    needs(store, "create")
    for number in range(10):
        winners = race(store, f"round/{number}", size)
        assert len(winners) == 1
        assert store.read(f"round/{number}") == bytes([winners[0]]) * size
    assert len(paths(store, "round")) == 10


def race(store: Store, path: str, size: int) -> list[int]:
    start, winners, losers = threading.Barrier(16), [], []

    def write(number: int) -> None:
        start.wait()
        try:
            store.write(path, bytes([number]) * size)
            winners.append(number)
        except AlreadyExists:
            losers.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(winners) + len(losers) == 16
    return winners


def test_a_write_on_condition_of_an_etag_is_made_only_while_it_holds(store: Store) -> None:
    needs(store, "if_match")
    first = store.write("a", b"first").etag
    second = store.write("a", b"second", if_match=first).etag
    for stale in (first, "never"):
        with pytest.raises(Changed):
            store.write("a", b"third", if_match=stale)
    with pytest.raises(Changed):
        store.write("absent", b"", if_match=second)
    assert (store.read("a"), paths(store)) == (b"second", ["a"])


def test_a_file_is_removed_on_condition_of_an_etag_only_while_it_has_it(store: Store) -> None:
    first = store.write("a/b", b"first").etag or store.stat("a/b").etag  # type: ignore[union-attr]
    store.write("a/b", b"the second", overwrite=True)
    second = store.stat("a/b").etag  # type: ignore[union-attr]
    with pytest.raises(Changed):
        store.delete("a/b", if_match=first)
    assert store.read("a/b") == b"the second"
    store.delete("a/b", if_match=second)
    assert paths(store, recursive=True) == []
    with pytest.raises(NotFound):
        store.delete("a/b", if_match=second)
    store.delete("a/b", if_match=second, missing_ok=True)


def test_an_object_that_stands_for_an_empty_folder_is_no_file_in_it_and_goes_with_it(store: Store) -> None:
    needs(store, "exact_keys")
    store.write(store.exact("a/"), b"")
    store.write("b", b"")
    assert [(each.path, each.kind) for each in store.list()] == [("a", "folder"), ("b", "file")]
    assert (paths(store, recursive=True), [*store.glob("**/*")]) == (["a/", "b"], [*store.glob("b")])
    store.delete_folder("a")
    assert paths(store, recursive=True) == ["b"]


def test_what_a_store_cannot_do_is_refused_by_name_before_anything_is_touched(store: Store) -> None:
    asked = {
        "create": lambda: store.write("a", b""),
        "if_match": lambda: store.write("a", b"", if_match="x"),
        "metadata": lambda: store.write("a", b"", overwrite=True, content_type="text/csv"),
        "sign": lambda: store.sign("a"),
        "versions": lambda: store.read("a", version="1"),
        "exact_keys": lambda: store.exact("a//b"),
    }
    for capability, call in asked.items():
        if not store.supports(capability):  # type: ignore[arg-type]
            with pytest.raises(NotSupported) as caught:
                call()
            assert (caught.value.capability, caught.value.store) == (capability, store.name)
    assert paths(store) == []


def test_content_type_and_metadata_are_kept_and_go_with_a_copy(store: Store) -> None:
    needs(store, "metadata")
    store.write("a", b"x", content_type="text/csv", metadata={"batch": "7"})
    store.copy("a", "b")
    for path in ("a", "b"):
        entry = store.stat(path)
        assert entry is not None
        assert (entry.content_type, dict(entry.metadata)) == ("text/csv", {"batch": "7"})


def test_a_promised_checksum_is_held_against_the_content(store: Store) -> None:
    right = hashlib.sha256(LARGE).hexdigest()
    store.write("a", LARGE, checksum=f"sha256:{right}")
    for content in (b"small", LARGE + b"x"):
        with pytest.raises(ChecksumMismatch):
            store.write("a", content, overwrite=True, checksum=f"sha256:{right}")
        with pytest.raises(ChecksumMismatch):
            store.write("b", content, checksum=f"sha256:{right}")
    assert (store.read("a"), paths(store)) == (LARGE, ["a"])


def test_what_a_store_tells_of_a_whole_file_is_its_hash(store: Store) -> None:
    needs(store, "checksum")
    store.write("a", LARGE)
    for entry in (store.stat("a"), *store.list()):
        assert entry is not None
        name, _, value = str(entry.checksum).partition(":")
        assert value == hashlib.new(name, LARGE, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("key", ["a//b", "c///d", "b/", "/a", "a/b/", "//", "a%2Fb/"])
def test_a_key_that_is_no_path_is_used_as_it_stands(store: Store, key: str) -> None:
    needs(store, "exact_keys")
    exact = store.exact(key)
    store.write(exact, b"old")
    with pytest.raises(AlreadyExists):
        store.write(exact, b"new")
    store.write(exact, b"new", overwrite=True)
    (found,) = paths(store, recursive=True)
    assert (found, store.read(found), store.read_range(exact, 1, 1)) == (key, b"new", b"e")
    store.delete(found)
    assert paths(store, recursive=True) == []


# reading


def test_an_opened_file_is_a_seekable_stream(store: Store) -> None:
    store.write("a", LARGE)
    with store.open("a") as stream:
        assert (stream.read(3), stream.tell()) == (LARGE[:3], 3)
        assert (stream.seek(-5, io.SEEK_END), stream.read()) == (len(LARGE) - 5, LARGE[-5:])
        assert (stream.seek(1_000), stream.read(2), stream.read(0)) == (1_000, LARGE[1_000:1_002], b"")
        assert (stream.seek(10, io.SEEK_CUR), stream.read(1)) == (1_012, LARGE[1_012:1_013])
        assert (stream.seek(len(LARGE) + 9), stream.read()) == (len(LARGE) + 9, b"")
        with pytest.raises(ValueError, match="before the beginning"):
            stream.seek(-1)
    assert stream.closed


@settings(max_examples=25)
@given(places=st.lists(st.tuples(st.integers(0, 70_000), st.integers(0, 9_000)), max_size=6))
def test_a_seek_anywhere_reads_what_stands_there(places: list[tuple[int, int]]) -> None:
    store, content = Store(BACKENDS["memory"](Path())), LARGE[:65_536]
    store.write("a", content)
    with store.open("a") as stream:
        for at, count in places:
            stream.seek(at)
            assert stream.read(count) == content[at : at + count]


def test_a_range_is_read_by_itself(store: Store) -> None:
    store.write("a", LARGE)
    wanted = [(0, 5), (7, None), (len(LARGE) - 2, 100), (len(LARGE), 1), (3, 0)]
    expected = [LARGE[start : None if length is None else start + length] for start, length in wanted]
    assert [store.read_range("a", start, length) for start, length in wanted] == expected


def test_a_reader_sees_one_content_or_is_told_that_it_changed(store: Store) -> None:
    old, new = b"o" * len(LARGE), b"n" * len(LARGE)
    store.write("a", old)
    with store.open("a") as stream:
        first = stream.read(10)
        store.write("a", new, overwrite=True)
        try:
            rest = stream.read()
        except Changed:
            rest = old[10:]
    assert first + rest == old


def test_a_read_pinned_to_an_etag_refuses_another_content(store: Store) -> None:
    etag = store.write("a", b"old").etag
    assert store.read("a", etag=etag) == b"old"
    store.write("a", b"new!", overwrite=True)
    for call in (lambda: store.read("a", etag=etag), lambda: store.read_range("a", 0, 1, etag=etag)):
        with pytest.raises(Changed) as caught:
            call()
        assert (caught.value.path, caught.value.operation) == ("a", "read")


def test_a_reader_beside_a_writer_never_sees_a_part(store: Store) -> None:
    contents = [bytes([65 + at]) * 200_000 for at in range(2)]
    store.write("a", contents[0])
    done = threading.Event()

    def write() -> None:
        for at in range(30):
            store.write("a", contents[at % 2], overwrite=True)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(store.read("a"))
    writer.join()
    assert seen <= set(contents)


# what is there


def test_only_what_is_there_exists(store: Store) -> None:
    store.write("a/b", b"")
    assert [store.exists(path) for path in ("a/b", "a/c", "a/b/c", "b")] == [True, False, False, False]
    assert store.stat("a/c", missing_ok=True) is None


@pytest.mark.parametrize("path", ["absent", "absent/below", "there/below"])
def test_what_is_missing_is_not_found_by_any_call(store: Store, path: str) -> None:
    store.write("there", b"")
    calls = {
        "stat": store.stat,
        "open": store.open,
        "read": store.read,
        "delete": store.delete,
        "copy": lambda at: store.copy(at, "new"),
        "move": lambda at: store.move(at, "new"),
    }
    for call in calls.values():
        with pytest.raises(NotFound) as caught:
            call(path)
        assert (caught.value.path, caught.value.store, caught.value.message) == (path, store.name, f"{path} is not there")
        assert caught.value.hint
    store.delete(path, missing_ok=True)
    assert paths(store) == ["there"]


def test_what_is_deleted_is_gone_and_only_that(store: Store) -> None:
    for path in ("a/1", "a/2", "a/3"):
        store.write(path, b"")
    store.delete("a/1")
    assert store.delete_many(["a/2", "a/absent"]) == {}
    assert [*store.delete_many(["../x"])] == ["../x"]
    assert paths(store, "a") == ["a/3"]


LISTED = ("run/b/2", "run/a", "run/b/10", "run/b-c", "run/b.c", "run/ü", "running/x", "other")


def test_a_list_is_in_the_order_of_bytes_and_of_one_folder_only(store: Store) -> None:
    for path in LISTED:
        store.write(path, b"")
    deep = ["run/a", "run/b-c", "run/b.c", "run/b/10", "run/b/2", "run/ü"]
    assert paths(store, "run", recursive=True) == paths(store, "run/", recursive=True) == deep
    assert [(each.path, each.kind) for each in store.list("run")] == [
        ("run/a", "file"),
        ("run/b-c", "file"),
        ("run/b.c", "file"),
        ("run/b", "folder"),
        ("run/ü", "file"),
    ]
    assert paths(store) == ["other", "run", "running"]
    assert paths(store, "absent") == paths(store, "run/a") == []


def test_a_list_goes_on_behind_any_of_its_paths(store: Store) -> None:
    for path in LISTED:
        store.write(path, b"")
    for whole in (paths(store, recursive=True), paths(store, "run", recursive=True)):
        folder = "run" if whole[0].startswith("run/a") else ""
        for at, path in enumerate(whole):
            assert paths(store, folder, recursive=True, start_after=path) == whole[at + 1 :]


def test_a_list_ends_at_a_depth(store: Store) -> None:
    for path in ("a", "b/c", "b/d/e", "b/d/f/g"):
        store.write(path, b"")
    assert [len(paths(store, recursive=True, max_depth=depth)) for depth in range(4)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["a.csv"]),
        ("in/*.csv", ["in/b.csv"]),
        ("**/*.csv", ["a.csv", "in/2026/c.csv", "in/b.csv"]),
        ("in/**", ["in/2026/c.csv", "in/2026/d.txt", "in/b.csv"]),
        ("in/20??/[cd].*", ["in/2026/c.csv", "in/2026/d.txt"]),
        ("in/2026/[!c].*", ["in/2026/d.txt"]),
        ("{a,in/b}.csv", ["a.csv", "in/b.csv"]),
        ("in/2026/{c.csv,d.*}", ["in/2026/c.csv", "in/2026/d.txt"]),
        ("a.csv", ["a.csv"]),
        ("in", []),
        ("nothing/*", []),
    ],
)
def test_a_pattern_finds_the_files_it_means(store: Store, pattern: str, expected: list[str]) -> None:
    for path in ("a.csv", "in/b.csv", "in/2026/c.csv", "in/2026/d.txt"):
        store.write(path, b"")
    assert [entry.path for entry in store.glob(pattern)] == expected


@pytest.mark.parametrize(
    "path", ["Ελλάδα/файл 1.csv", "عربي/東京.csv", "🚀", "a b'c\"d", "...", ".hidden", "a..b", "e\u0301", "%41", "a+b&c=d?e#f"]
)
def test_any_letters_may_name_a_file_and_are_kept_byte_for_byte(store: Store, path: str) -> None:
    if path.endswith(".") and store.name.startswith("azure:"):
        pytest.skip("Azure takes dots off the end of a name: see test_azure")
    store.write(f"in/{path}", b"x")
    (found,) = paths(store, "in", recursive=True)
    assert (found.encode(), store.read(found)) == (f"in/{path}".encode(), b"x")


@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_leads_elsewhere_is_refused_by_every_call(store: Store, path: str) -> None:
    calls = (
        store.read,
        store.open,
        store.exists,
        store.delete,
        lambda at: store.write(at, b""),
        lambda at: store.copy(at, "b"),
        lambda at: store.move(at, "b"),
        lambda at: [*store.list(at or "/")],
        lambda at: store.at(at or "/"),
    )
    for call in calls[: 7 if path == "a/" else 9]:
        with pytest.raises(InvalidPath) as caught:
            call(path)
        assert caught.value.hint


def test_a_folder_in_the_place_of_a_file_is_told(store: Store) -> None:
    store.write("a/b", b"x")
    if (entry := store.stat("a", missing_ok=True)) is None or entry.kind != "folder":
        pytest.skip(f"{store.name} sees no folder")
    for call in (
        store.read,
        store.open,
        store.delete,
        lambda at: store.write(at, b"", overwrite=True),
        lambda at: store.copy(at, "c"),
    ):
        with pytest.raises(IsFolder):
            call("a")
    assert paths(store, recursive=True) == ["a/b"]


@pytest.mark.parametrize("path", ["a/b", "a/b/c"])
def test_a_file_in_the_place_of_a_folder_is_told(store: Store, path: str) -> None:
    store.write("a", b"x")
    try:
        store.write(path, b"")
    except NotAFolder:
        assert paths(store, recursive=True) == ["a"]
    else:
        assert not store.supports("folders"), "only where folders are but the beginnings of keys may both be there"
    assert store.read("a") == b"x"


def test_a_folder_is_removed_when_it_is_empty_or_everything_in_it_is_meant_to_go(store: Store) -> None:
    for path in ("a/b", "a/c/d", "a-b", "ab/c"):
        store.write(path, b"")
    with pytest.raises(FolderNotEmpty):
        store.delete_folder("a")
    assert store.delete_folder("a", recursive=True) == 2
    assert (store.exists("a"), paths(store, recursive=True)) == (False, ["a-b", "ab/c"])
    assert store.delete_folder("absent") == 0


# copies


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
def test_a_copy_and_a_move_inside_a_store(store: Store, content: bytes) -> None:
    store.write("a", content)
    assert store.copy("a", "b/c").size == len(content)
    assert store.move("a", "d/e").path == "d/e"
    assert (paths(store, recursive=True), store.read("b/c"), store.read("d/e")) == (["b/c", "d/e"], content, content)
    for call in (store.copy, store.move):
        with pytest.raises(AlreadyExists):
            call("b/c", "d/e")
        assert call("b/c", "d/e", overwrite=True).size == len(content)
        store.write("b/c", content, overwrite=True)
    assert store.move("b/c", "b/c").path == "b/c"
    assert store.read("b/c") == content


def test_a_store_below_a_folder_sees_that_folder_only(store: Store) -> None:
    store.write("in/a/x", b"1")
    store.write("out", b"2")
    below = store.at("in").at("a/")
    below.write("y", b"3")
    assert (paths(below), paths(store, recursive=True), below.read("x")) == (["x", "y"], ["in/a/x", "in/a/y", "out"], b"1")
    assert below.name == f"{store.name}/in/a"
    with pytest.raises(InvalidPath):
        below.read("../../out")
    below.close()
    assert store.read("out") == b"2"


@pytest.mark.parametrize("mode", ["auto", "stream"])
@pytest.mark.parametrize("verify", ["size", "checksum", "full"])
def test_a_transfer_brings_the_very_content_to_another_store(store: Store, tmp_path: Path, mode: Any, verify: Any) -> None:
    other = Store(BACKENDS["local"](tmp_path / "other"))
    store.write("a", LARGE)
    there = transfer(store, "a", other, "b/c", mode=mode, verify=verify)
    back = transfer(other, "b/c", store, "d", mode=mode, verify=verify)
    assert (other.read("b/c"), store.read("d"), there.size, back.size) == (LARGE, LARGE, len(LARGE), len(LARGE))
    with pytest.raises(AlreadyExists):
        transfer(store, "a", other, "b/c", mode=mode)


def test_a_transfer_that_was_made_before_counts_as_done_when_the_content_is_the_same(store: Store, tmp_path: Path) -> None:
    other = Store(BACKENDS["local"](tmp_path / "other"))
    store.write("a", LARGE)
    first = transfer(store, "a", other, "b")
    again = transfer(store, "a", other, "b", resume=True)
    assert (again.path, again.size, again.etag) == (first.path, first.size, first.etag)
    store.write("a", LARGE[::-1], overwrite=True)
    with pytest.raises(AlreadyExists):
        transfer(store, "a", other, "b", resume=True)
    assert other.read("b") == LARGE


def test_a_file_of_this_machine_goes_up_and_comes_down_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(LARGE)
    assert upload(tmp_path / "mine", store, "in/a").size == len(LARGE)
    assert download(store, "in/a", tmp_path / "back" / "a").path == "a"
    assert (tmp_path / "back" / "a").read_bytes() == store.read("in/a") == LARGE
    for call in (lambda: upload(tmp_path / "mine", store, "in/a"), lambda: download(store, "in/a", tmp_path / "mine")):
        with pytest.raises(AlreadyExists):
            call()
    with pytest.raises(NotFound):
        download(store, "absent", tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_progress_is_told_at_the_end_and_at_most_once_a_second(store: Store, tmp_path: Path) -> None:
    told: list[Progress] = []
    store.write("a", (LARGE[at : at + 100_000] for at in range(0, len(LARGE), 100_000)), progress=told.append)
    transfer(store, "a", Store(BACKENDS["local"](tmp_path / "other")), "b", progress=told.append)
    ended = [(each.op, each.path, each.bytes, each.total, each.files) for each in told if each.files]
    assert ended == [("write", "a", len(LARGE), None, 1), ("copy", "a", len(LARGE), len(LARGE), 1)]
    for op, last in (("write", told.index(next(each for each in told if each.files))), ("copy", len(told) - 1)):
        before = [each for each in told[:last] if each.op == op]
        assert len(before) <= told[last].elapsed, "once a second, and once at the end"


def test_a_listener_is_told_of_every_call(store: Store) -> None:
    told: list[Any] = []
    listened = Store(store.driver, on_call=told.append)
    listened.write("a", b"c0ntent")
    listened.stat("a")
    with pytest.raises(NotFound):
        listened.delete("absent")
    names = {"store", "operation", "path", "seconds", "attempts", "error"}
    assert [{*each} for each in told] == [names] * 3
    assert [(each["operation"], each["path"], each["attempts"], each["error"]) for each in told] == [
        ("write", "a", 1, None),
        ("stat", "a", 1, None),
        ("delete", "absent", 1, "NotFound"),
    ]
    assert "c0ntent" not in repr(told)


def test_a_closed_store_does_nothing_any_more(store: Store) -> None:
    store.write("a", b"x")
    store.close()
    for call in (store.read, store.exists, store.delete, lambda at: store.write(at, b""), lambda at: [*store.list()]):
        with pytest.raises(StoreClosed):
            call("a")
    store.close()


def test_every_error_is_one_of_the_house_and_names_path_store_and_operation(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.read("absent")
    problem = caught.value
    assert (problem.code, problem.path, problem.store, problem.operation) == ("F101", "absent", store.name, "read")
    assert (problem.retryable, problem.outcome) == (False, "Permanent")
    assert problem.detail == {"path": "absent", "store": store.name, "operation": "read"}


def test_an_opened_store_that_can_be_reached_is_right(store: Store) -> None:
    store.check()
