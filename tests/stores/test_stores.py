"""What every store promises, and what a folder adds to it."""

import hashlib
import os
import threading

import pytest

from portl.errors import StoreError
from portl.stores import LocalStore, MemoryStore, checksum, open_input, open_store


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return LocalStore(tmp_path / "store") if request.param == "folder" else MemoryStore()


def code_of(call, *args):
    with pytest.raises(StoreError) as caught:
        call(*args)
    assert caught.value.hint
    return caught.value.code


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
    "\x1f",
    "a\x7f",
    "a\x85",
    "a\ud800",
]


def test_what_is_written_is_read(store):
    store.write("a/b/c.bin", b"\x00\xff\r\n")
    assert store.read("a/b/c.bin") == b"\x00\xff\r\n"


def test_a_write_answers_its_size_and_takes_its_content_in_parts(store):
    sizes = [store.write("whole", b"abc"), store.write("parts", (each for each in (b"ab", b"", b"c"))), store.write("none", [])]
    assert (sizes, store.read("whole"), store.read("parts"), store.read("none")) == ([3, 3, 0], b"abc", b"abc", b"")


@pytest.mark.parametrize("problem", [OSError("source lost"), ValueError("source wrong"), StoreError("absent", code="F101")])
def test_a_source_that_fails_is_told_by_its_own_error_and_changes_nothing(store, problem):
    def source():
        yield b"new"
        raise problem

    store.write("in/a", b"old")
    for path in ("in/a", "in/b"):
        with pytest.raises(type(problem)) as caught:
            store.write(path, source())
        assert caught.value is problem
    assert (list(store.list("in")), store.read("in/a")) == (["in/a"], b"old")


def test_a_write_that_must_not_overwrite_leaves_what_is_there(store):
    assert store.write("a", b"", overwrite=False) == 0
    assert code_of(lambda: store.write("a", b"second", overwrite=False)) == "F106"
    assert (store.read("a"), store.write("a", b"third")) == (b"", 5)


def test_of_many_writers_that_must_not_overwrite_one_wins(store):
    start, answers = threading.Barrier(16), []

    def write(number):
        start.wait()
        try:
            store.write("a/b", b"%d" % number, overwrite=False)
            answers.append(number)
        except StoreError as lost:
            answers.append(lost.code)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    winners = [each for each in answers if each != "F106"]
    assert (len(answers), len(winners), store.read("a/b")) == (16, 1, b"%d" % winners[0])
    assert list(store.list("a")) == ["a/b"]


def test_a_durable_write_is_a_write(store):
    assert (store.write("a/b", b"x", durable=True), store.read("a/b")) == (1, b"x")
    assert code_of(lambda: store.write("a/b", b"y", durable=True, overwrite=False)) == "F106"


def test_an_opened_content_is_read_in_parts_and_stays_what_it_was(store):
    store.write("a", b"old content")
    with store.open("a") as stream:
        first = stream.read(3)
        store.write("a", b"new")
        assert (first, stream.read(), stream.seek(4), stream.read(3)) == (b"old", b" content", 4, b"con")


def test_nothing_is_something_to_write(store):
    store.write("empty", b"")
    assert (store.exists("empty"), store.read("empty")) == (True, b"")
    store.delete("empty")
    assert not store.exists("empty")


def test_a_second_write_takes_the_place_of_the_first(store):
    store.write("a", b"a longer first content")
    store.write("a", b"second")
    assert store.read("a") == b"second"


@pytest.mark.parametrize("path", ["Ελλάδα/файл 1.csv", "عربي/東京.csv", "🚀", "a b'c\"d", "...", ".hidden", "a..b"])
def test_any_letters_may_name_an_object(store, path):
    store.write(f"in/{path}", b"x")
    assert (store.read(f"in/{path}"), list(store.list("in"))) == (b"x", [f"in/{path}"])


def test_only_what_is_there_exists(store):
    store.write("a/b", b"")
    assert [store.exists(path) for path in ("a/b", "a", "a/c", "a/b/c")] == [True, False, False, False]


@pytest.mark.parametrize("path", ["absent", "absent/below", "there/below"])
def test_what_is_missing_is_neither_read_nor_deleted(store, path):
    store.write("there", b"")
    assert [code_of(call, path) for call in (store.read, store.open, store.delete)] == ["F101"] * 3


def test_what_is_deleted_is_gone_and_only_that(store):
    store.write("a/1", b"1")
    store.write("a/2", b"2")
    store.delete("a/1")
    assert list(store.list("a")) == ["a/2"]
    assert code_of(store.delete, "a/1") == "F101"


def test_a_list_is_in_order_whole_and_of_one_folder_only(store):
    for path in ("run/b/2", "run/a", "run/b/10", "run/b-c", "running/x", "other"):
        store.write(path, b"")
    assert list(store.list("run")) == ["run/a", "run/b-c", "run/b/10", "run/b/2"]


def test_a_list_of_a_folder_that_is_not_there_is_empty(store):
    assert list(store.list("absent")) == []


@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_leads_elsewhere_is_refused_by_every_call(store, path):
    calls = (
        store.read,
        store.open,
        store.exists,
        store.delete,
        lambda at: store.write(at, b""),
        lambda at: list(store.list(at)),
    )
    assert [code_of(call, path) for call in calls] == ["F102"] * 6


def test_a_reader_sees_the_old_content_or_the_new_and_nothing_between(store):
    contents = [bytes([65 + at]) * 200_000 for at in range(2)]
    store.write("a", contents[0])
    done = threading.Event()

    def write():
        for at in range(40):
            store.write("a", contents[at % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = {store.read("a")}
    while not done.is_set():
        seen.add(store.read("a"))
    writer.join()
    assert seen <= set(contents)


def test_a_write_to_a_folder_leaves_nothing_beside_the_file(tmp_path):
    LocalStore(tmp_path).write("a/b", b"x")
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["a", "b"]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(tmp_path):
    store = LocalStore(tmp_path)
    store.write("a/b", b"old")
    with pytest.raises(TypeError):
        store.write("a/b", "no bytes")
    assert (store.read("a/b"), sorted(each.name for each in tmp_path.rglob("*"))) == (b"old", ["a", "b"])


def test_a_write_that_was_cut_off_is_not_listed(tmp_path):
    LocalStore(tmp_path).write("a/b", b"x")
    (tmp_path / "a" / ".writing-1234").write_bytes(b"half")
    assert list(LocalStore(tmp_path).list("a")) == ["a/b"]


def test_a_folder_in_the_place_of_a_file_is_told(store):
    store.write("a/b", b"x")
    calls = (store.read, store.open, store.delete, lambda at: store.write(at, b""))
    assert [code_of(call, "a") for call in calls] == ["F104"] * 4
    assert code_of(lambda: store.write("a", b"", overwrite=False)) == "F104"
    assert list(store.list("a")) == ["a/b"]


@pytest.mark.parametrize("path", ["a/b", "a/b/c"])
def test_a_file_in_the_place_of_a_folder_is_told(store, path):
    store.write("a", b"x")
    assert code_of(store.write, path, b"") == "F105"
    assert store.read("a") == b"x"


def test_a_name_the_disk_refuses_is_told(tmp_path):
    store, path = LocalStore(tmp_path), "x" * 300
    calls = (store.read, store.open, store.exists, store.delete, lambda at: store.write(at, b""))
    assert [code_of(call, path) for call in calls] == ["F105"] * 5


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
    return LocalStore(root)


@pytest.mark.parametrize(
    "path", ["in/folder/secret", "in/folder/new", "in/folder/new/deeper", "in/file", "in/nothing", "in/folder"]
)
def test_a_link_out_of_the_store_is_refused_and_nothing_outside_changes(linked, tmp_path, path):
    calls = (linked.read, linked.open, linked.exists, linked.delete, lambda at: linked.write(at, b"changed"))
    assert [code_of(call, path) for call in calls] == ["F102"] * 5
    assert {each.name: each.read_bytes() for each in (tmp_path / "outside").iterdir()} == {"secret": b"secret"}


def test_a_list_does_not_follow_links_and_shows_only_what_may_be_read(linked):
    linked.write("in/own", b"x")
    assert list(linked.list("in")) == ["in/own"]
    assert code_of(lambda: list(linked.list("in/folder"))) == "F102"


def test_a_store_whose_own_folder_is_reached_by_a_link_works(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = LocalStore(tmp_path / "link")
    store.write("a", b"x")
    assert (list((tmp_path / "real").iterdir()), store.read("a")) == ([tmp_path / "real" / "a"], b"x")


def test_a_folder_is_opened_as_a_store(tmp_path):
    open_store(str(tmp_path)).write("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("root", ["s3://bucket/runs", "sftp://host/runs", "file:///runs"])
def test_a_store_of_another_kind_is_refused(root):
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
        ("in.csv/below", ("F101", "{} is not there")),
        ("", ("F104", "{} is a folder")),
        ("x" * 300, ("F105", "{}: File name too long")),
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
    assert (code_of(open_input, str(tmp_path / "in.csv")), code_of(LocalStore(tmp_path).read, "in.csv")) == ("F103", "F103")
