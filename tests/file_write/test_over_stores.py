"""What is promised of a file that is written, on every kind of store."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from file_write.support import by_reference, content, files, memory, write
from portl.errors import AlreadyExists, IsFolder, MappingError, RunError, StepError, StoreError
from portl.stores import Store
from stores.backends import BACKENDS

PAGES = {"path": "out:p/{{ part }}.csv", "parts": {"records": 2, "manifest": "out:p/manifest.json"}}
FIVE = [{"n": number} for number in range(5)]


@pytest.fixture(params=["local", "s3", "sftp"])
def store(request: Any, tmp_path: Path) -> Iterator[Store]:
    made = Store(BACKENDS[request.param](tmp_path))
    yield made
    made.close()


def times(store: Store) -> dict[str, Any]:
    return {entry.path: (entry.etag, entry.modified) for entry in store.list(recursive=True)}


def test_a_file_is_written_and_its_facts_are_those_of_what_is_there(store: Store) -> None:
    done = write(store, by_reference(FIVE), path="out:2026/day.csv")
    assert files(store) == {"2026/day.csv": b"n\n0\n1\n2\n3\n4\n"}
    checksum = f"sha256:{sha256(store.read('2026/day.csv'))}"
    assert done == {"path": "out:2026/day.csv", "size": 12, "checksum": checksum, "count": 5, "files": 1}


@pytest.mark.parametrize("overwrite", ["fail", "if_different"])
def test_the_same_content_counts_as_written_and_is_left_as_it_is(store: Store, overwrite: str) -> None:
    first = write(store, FIVE, overwrite=overwrite)
    before = times(store)
    assert write(store, FIVE, overwrite=overwrite) == first
    assert times(store) == before


def test_another_content_is_kept_and_told_of(store: Store) -> None:
    store.write("f", b"n\n9\n9\n9\n9\n9\n")  # as long as what would be written
    with pytest.raises(AlreadyExists, match="out:f is already there, with another content") as refused:
        write(store, FIVE)
    assert (refused.value.code, files(store)) == ("F106", {"f": b"n\n9\n9\n9\n9\n9\n"})


@pytest.mark.parametrize("overwrite", ["replace", "if_different"])
def test_another_content_is_replaced_where_the_job_says_so(store: Store, overwrite: str) -> None:
    store.write("f", b"old")
    write(store, FIVE, overwrite=overwrite)
    assert files(store) == {"f": content(FIVE)}


def test_a_record_that_fails_leaves_nothing_and_what_was_there_stays(store: Store) -> None:
    rows = by_reference([{"a": "x" * 1_000}] * 500 + [{"a": "\0"}])
    with pytest.raises(MappingError):
        write(store, rows)
    assert files(store) == {}
    store.write("f", b"old")
    with pytest.raises(MappingError):
        write(store, rows, overwrite="replace")
    assert files(store) == {"f": b"old"}


def test_parts_are_written_in_order_with_a_manifest_of_them_all(store: Store) -> None:
    done = write(store, by_reference(FIVE), **PAGES)
    found = files(store)
    manifest = found.pop("p/manifest.json")
    assert found == {"p/00001.csv": b"n\n0\n1\n", "p/00002.csv": b"n\n2\n3\n", "p/00003.csv": b"n\n4\n"}
    assert json.loads(manifest) == {
        "format": "csv",
        "compression": "none",
        "columns": ["n"],
        "records": 5,
        "size": 16,
        "files": [
            {
                "path": f"out:{path}",
                "records": records,
                "size": len(found[path]),
                "sha256": sha256(found[path]),
                "relative": path.removeprefix("p/"),
            }
            for path, records in (("p/00001.csv", 2), ("p/00002.csv", 2), ("p/00003.csv", 1))
        ],
    }
    checksum = f"sha256:{sha256(manifest)}"
    assert done == {"path": "out:p/manifest.json", "size": 16, "checksum": checksum, "count": 5, "files": 3}


def test_parts_that_are_there_count_as_written_and_only_what_is_missing_is_added(store: Store) -> None:
    first = write(store, FIVE, **PAGES)
    whole = files(store)
    for lost in ("p/manifest.json", "p/00002.csv"):
        store.delete(lost)
        kept = times(store)
        assert write(store, FIVE, **PAGES) == first
        assert files(store) == whole
        assert {path: facts for path, facts in times(store).items() if path in kept} == kept


def test_a_part_that_fails_takes_back_those_that_were_added_and_no_other(store: Store) -> None:
    store.write("p/00001.csv", b"n\n0\n1\n")
    with pytest.raises(MappingError):
        write(store, [*FIVE[:4], {"n": "\0"}], **PAGES)
    assert files(store) == {"p/00001.csv": b"n\n0\n1\n"}


def test_no_manifest_speaks_of_files_that_are_being_replaced(store: Store) -> None:
    write(store, FIVE, **PAGES)
    with pytest.raises(MappingError):
        write(store, [{"n": 7}, {"n": 8}, {"n": 9}, {"n": "\0"}], overwrite="if_different", **PAGES)
    assert "p/manifest.json" not in files(store)
    write(store, FIVE, overwrite="if_different", **PAGES)
    assert json.loads(store.read("p/manifest.json"))["records"] == 5


@pytest.mark.parametrize(
    ("path", "manifest", "said"),
    [
        ("out:o-{{ part[:2] }}", "out:m.json", "part 1 and part 2 would both become out:o-00"),
        ("out:{{ part }}", "out:00002", "the manifest and part 2 would both become out:00002"),
    ],
)
def test_a_part_never_takes_the_place_of_another_or_of_the_manifest(path: str, manifest: str, said: str) -> None:
    store = memory()
    with pytest.raises(RunError, match=f"^R172 {said}$"):
        write(store, FIVE, path=path, overwrite="replace", parts={"records": 1, "manifest": manifest})
    assert [*store.list("")] == []


def test_a_manifest_of_the_same_files_stays_when_nothing_changes(store: Store) -> None:
    write(store, FIVE, **PAGES)
    before = times(store)
    write(store, FIVE, overwrite="if_different", **PAGES)
    assert times(store) == before


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    store = Store(BACKENDS["local"](tmp_path))
    store.write("f/inside", b"")
    with pytest.raises(IsFolder, match="out:f"):
        write(store, FIVE, overwrite="replace")


@pytest.mark.parametrize("path", ["out:../f", "out:a\\b", "out:", "ftp://x/f", "out:a\0b"])
def test_a_path_that_is_none_is_refused_before_anything_is_written(path: str, tmp_path: Path) -> None:
    store = Store(BACKENDS["local"](tmp_path))
    with pytest.raises(StoreError):
        write(store, FIVE, path=path)
    assert [*store.list()] == []


def test_of_two_writers_of_other_contents_one_wins_and_the_other_is_told(store: Store) -> None:
    start = threading.Barrier(2)

    def go(number: int) -> str:
        start.wait()
        try:
            write(store, [{"n": number}])
        except StepError as problem:
            return problem.code
        return "written"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, (1, 2))) == ["F106", "written"]
    assert files(store)["f"] in (b"n\n1\n", b"n\n2\n")


def test_two_writers_of_the_same_content_are_both_through(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = [*pool.map(lambda _: write(store, FIVE), range(4))]
    assert (done, files(store)) == ([done[0]] * 4, {"f": content(FIVE)})


def test_the_media_type_is_kept_where_the_store_keeps_one(store: Store) -> None:
    write(store, FIVE, path="out:a")
    write(store, FIVE, path="out:b", compression="gzip")
    write(store, FIVE, path="out:c", content_type="text/plain")
    kept = [store.stat(name).content_type for name in "abc"]
    wanted = ["text/csv; charset=utf-8", "application/gzip", "text/plain"]
    assert kept == (wanted if store.supports("metadata") else [None] * 3)


def test_a_file_whose_function_is_about_to_be_stopped_is_given_up_whole(store: Store) -> None:
    left = iter([900.0] * 3 + [9.0] * 1_000)
    with pytest.raises(RunError, match="nothing is left of it") as refused:
        write(store, by_reference([{"a": "x" * 1_000}] * 500), remaining=lambda: next(left))
    assert (refused.value.code, files(store)) == ("R181", {})


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
