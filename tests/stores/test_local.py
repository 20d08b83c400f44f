"""What a folder on disk adds to the contract, and the user's own input files."""

import hashlib
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from portl.errors import StoreError
from portl.stores import Changed, Files, FolderNotEmpty, found_files, open_input, open_store


def checksum(path):
    return Files().at(path).checksum()


def code_of(call, *args):
    with pytest.raises(StoreError) as caught:
        call(*args)
    assert caught.value.hint
    return caught.value.code


def paths(store, folder=""):
    return [entry.path for entry in store.list(folder, recursive=True)]


def test_a_write_to_a_folder_leaves_nothing_beside_the_file(tmp_path):
    open_store(tmp_path).write("a/b", b"x")
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["a", "b"]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(tmp_path):
    store = open_store(tmp_path)
    store.write("a/b", b"old")
    with pytest.raises(TypeError):
        store.write("a/b", "no bytes", overwrite=True)
    assert (store.read("a/b"), sorted(each.name for each in tmp_path.rglob("*"))) == (b"old", ["a", "b"])


def test_a_write_that_was_cut_off_is_not_listed(tmp_path):
    open_store(tmp_path).write("a/b", b"x")
    (tmp_path / "a" / ".writing-1234").write_bytes(b"half")
    assert paths(open_store(tmp_path), "a") == ["a/b"]


def test_a_name_the_disk_refuses_is_told(tmp_path):
    store, path = open_store(tmp_path), "x" * 300
    calls = (store.read, store.open, store.exists, store.delete, lambda at: store.write(at, b"", overwrite=True))
    assert [code_of(call, path) for call in calls] == ["F102"] * 5


@pytest.fixture
def linked(tmp_path):
    """A store with a secret beside it, a link to the secret's folder, one to the secret and one to nothing."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "folder").symlink_to(tmp_path / "outside")
    (root / "in" / "file").symlink_to(tmp_path / "outside" / "secret")
    (root / "in" / "nothing").symlink_to(tmp_path / "outside" / "nothing")
    return open_store(root)


@pytest.mark.parametrize(
    "path", ["in/folder/secret", "in/folder/new", "in/folder/new/deeper", "in/file", "in/nothing", "in/folder"]
)
def test_a_link_out_of_the_store_is_refused_and_nothing_outside_changes(linked, tmp_path, path):
    calls = (linked.read, linked.open, linked.exists, linked.delete, lambda at: linked.write(at, b"changed", overwrite=True))
    assert [code_of(call, path) for call in calls] == ["F102"] * 5
    assert {each.name: each.read_bytes() for each in (tmp_path / "outside").iterdir()} == {"secret": b"secret"}


def test_a_list_does_not_follow_links_and_shows_only_what_may_be_read(linked):
    linked.write("in/own", b"x")
    assert paths(linked, "in") == ["in/own"]
    assert code_of(lambda: paths(linked, "in/folder")) == "F102"


def test_a_store_whose_own_folder_is_reached_by_a_link_works(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = open_store(tmp_path / "link")
    store.write("a", b"x")
    assert (list((tmp_path / "real").iterdir()), store.read("a")) == ([tmp_path / "real" / "a"], b"x")


def test_a_folder_is_opened_as_a_store(tmp_path):
    open_store(str(tmp_path)).write("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("root", ["sftp://host/runs", "file:///runs", "s3:///runs"])
def test_an_address_that_leads_to_no_store_is_refused(root):
    assert code_of(open_store, root) == "F110"


@pytest.mark.parametrize("content", [b"", b"x", b"abc\r\n" * 100_000])
def test_the_checksum_is_the_sha256_of_the_content(tmp_path, content):
    (tmp_path / "in.csv").write_bytes(content)
    assert checksum(str(tmp_path / "in.csv")) == hashlib.sha256(content).hexdigest()


def test_an_input_is_read_from_wherever_the_user_keeps_it(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfa\r\n")
    with open_input(str(tmp_path / "in.csv")) as stream:
        assert stream.read() == b"\xef\xbb\xbfa\r\n"


def test_a_relative_input_is_found_from_the_folder_that_is_told(tmp_path, monkeypatch):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "in.csv").write_bytes(b"of the job")
    (tmp_path / "in.csv").write_bytes(b"of the folder")
    monkeypatch.chdir(tmp_path)
    found = []
    for stream in (
        open_input("in.csv"),
        open_input("in.csv", tmp_path / "jobs"),
        open_input(str(tmp_path / "in.csv"), tmp_path / "jobs"),
    ):
        with stream:
            found.append(stream.read())
    assert found == [b"of the folder", b"of the job", b"of the folder"]


@pytest.mark.parametrize("call", [open_input, checksum])
def test_an_input_without_a_name_is_told(call):
    assert code_of(call, "") == "F102"


@pytest.mark.parametrize("call", [open_input, checksum])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("absent.csv", ("F101", "{} is not there")),
        ("in.csv/below", ("F105", "{}: a part of the path is a file")),
        ("", ("F104", "{} is a folder")),
        ("x" * 300, ("F102", "{} is no path of the store: File name too long")),
    ],
    ids=["absent", "below a file", "folder", "name too long"],
)
def test_an_input_that_cannot_be_opened_is_told_by_the_path_as_given(tmp_path, call, name, expected):
    (tmp_path / "in.csv").write_bytes(b"")
    path = str(tmp_path / name)
    with pytest.raises(StoreError) as caught:
        call(path)
    assert (caught.value.code, caught.value.message) == (expected[0], expected[1].format(path))


@pytest.mark.parametrize("call", [open_input, checksum])
def test_an_input_whose_name_no_disk_can_hold_is_told(call):
    assert code_of(call, "a\0b") == "F102"


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may open every file")
def test_an_input_that_may_not_be_opened_is_told(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"a\n")
    (tmp_path / "in.csv").chmod(0)
    assert (code_of(open_input, str(tmp_path / "in.csv")), code_of(open_store(tmp_path).read, "in.csv")) == ("F103", "F103")


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    store = open_store(tmp_path)
    assert ([code_of(call, "pipe") for call in (store.stat, store.open, store.read)], paths(store)) == (["F101"] * 3, [])


def test_a_file_that_is_changed_in_place_while_it_is_read_is_told(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * 3_000_000)
    store = open_store(tmp_path)
    parts = store.chunks("log")
    next(parts)
    with (tmp_path / "log").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(Changed):
        list(parts)


def test_no_swap_of_a_folder_for_a_link_lets_anything_in_or_out(tmp_path):
    """A4: the folder is exchanged for a link again and again while files are written and read through it."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (root / "a").mkdir(parents=True)
    (outside / "secret").write_bytes(b"secret")
    store, done, codes = open_store(root, durable=False), threading.Event(), set()

    def swap():
        number = 0
        while not done.is_set():
            number += 1
            with suppress(OSError):
                (root / "a").rename(root / f"kept{number}")
            with suppress(OSError):
                (root / "a").symlink_to(outside)
            with suppress(OSError):
                (root / "a").unlink()

    swapper = threading.Thread(target=swap)
    swapper.start()
    for at in range(3_000):
        codes |= {refused(store.write, f"a/new{at}", b"mine"), refused(store.read, "a/secret")}
        if at >= 300 and "F102" in codes:
            break
    done.set()
    swapper.join()
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert "F102" in codes, "the link was met"


def refused(call, *args):
    try:
        found = call(*args)
    except StoreError as problem:
        return problem.code
    assert found != b"secret"
    return ""


def test_a_root_that_is_not_there_is_made_by_the_first_write_only(tmp_path):
    store = open_store(tmp_path / "a" / "b")
    assert (paths(store), store.exists("x"), (tmp_path / "a").exists()) == ([], False, False)
    store.write("x", b"")
    assert (tmp_path / "a" / "b" / "x").is_file()


def test_what_is_written_has_the_mode_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        open_store(tmp_path).write("a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def handles():
    return len([*Path("/dev/fd").iterdir()])


def test_no_handle_is_left_open(tmp_path):
    store = open_store(tmp_path)
    before = handles()
    store.write("a/b", b"x" * 3_000_000)
    for call in (lambda: store.write("a/b", b""), lambda: store.read("a"), lambda: store.write("a", b"")):
        with pytest.raises(StoreError):
            call()
    with store.open("a/b") as stream:
        stream.read(1)
    next(store.chunks("a/b"))
    store.move("a/b", "c/d")
    store.copy("c/d", "e")
    store.delete_folder("c", recursive=True)
    assert (paths(store), handles()) == (["e"], before)


@pytest.mark.parametrize("name", ["~", "~root", "ab:c.csv"])
def test_a_file_whose_name_looks_like_something_else_is_found_by_an_address_that_leads_to_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"mine")
    files = Files()
    [found] = found_files(files.at, "*")
    with files.at(found.address).open() as stream:
        assert (found.address, stream.read()) == (f"./{name}", b"mine")


@pytest.mark.parametrize("target", ["b", "sub/a"])
def test_a_move_onto_another_name_of_the_file_leaves_that_name_only(tmp_path: Path, target: str) -> None:
    store = open_store(tmp_path)
    store.write("a", b"1")
    (tmp_path / "sub").mkdir()
    (tmp_path / target).hardlink_to(tmp_path / "a")
    store.move("a", target, overwrite=True)
    assert [(entry.path, store.read(entry.path)) for entry in store.list(recursive=True)] == [(target, b"1")]


def test_a_folder_is_removed_with_what_a_killed_writer_has_left_and_a_link_is_left_alone(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / ".writing-0011223344556677").write_bytes(b"half")
    (tmp_path / "in" / "a.csv").write_bytes(b"a")
    store = open_store(str(tmp_path))
    assert (store.delete_folder("in", recursive=True), [*tmp_path.iterdir()]) == (1, [])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(FolderNotEmpty, match="out holds what is no file, such as a link"):
        store.delete_folder("out", recursive=True)
    assert (tmp_path / "out" / "link").is_symlink()
