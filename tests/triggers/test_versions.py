"""The version that an event names is what is read and copied, whatever stands under the key by then (C4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from files.support import World
from portl.connections import Connections
from portl.errors import Changed, NotFound, NotSupported, RunError
from portl.runs._csv_files import CsvFiles
from portl.runs._folder import RunFolder
from portl.runs._rows import RowsReader, keep_files
from portl.steps._transferring import Transferring
from portl.steps.csv_read import CsvRead, Reading
from portl.steps.store_copy import StoreCopy
from portl.steps.store_move import Moving, StoreMove
from portl.stores import ExactKey, File, MemoryDriver, S3Driver, S3Spec, Store, place, transfer
from stores.backends import s3_endpoint, s3_spec


@pytest.fixture
def spec() -> S3Spec:
    made = s3_spec()
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint(), region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    client.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    return made


@pytest.fixture
def store(spec: S3Spec) -> Iterator[Store]:
    with Store(S3Driver(spec)) as store:
        yield store


@pytest.fixture
def connections(spec: S3Spec) -> Iterator[Connections]:
    told = spec.model_dump(exclude_none=True, exclude={"retry"}) | {"secret_access_key": "testing"}
    with Connections({"lake": told}) as connections:
        yield connections


def put(store: Store, key: str, content: bytes) -> tuple[str, str]:
    made = store.write(ExactKey(key), content, overwrite=True)
    return str(made.version), str(made.etag)


def read(connections: Connections, path: str, scope: dict[str, Any] | None = None, **fields: Any) -> list[dict[str, Any]]:
    step = CsvRead(id="read", type="csv.read", path=path, **fields)
    files = CsvFiles(Reading(step, connections).plan(scope or {}), connections)
    return [taken.record for taken in files.records()]


def test_an_old_version_is_read_and_null_is_the_newest(store: Store, connections: Connections) -> None:
    version, _ = put(store, "a.csv", b"n\nold\n")
    put(store, "a.csv", b"n\nnew\n")
    assert read(connections, "lake:a.csv", {"v": version}, version="{{ v }}") == [{"n": "old"}]
    assert read(connections, "lake:a.csv", {"v": None}, version="{{ v }}") == [{"n": "new"}]


def test_a_version_that_is_gone_and_a_store_without_versions_are_told(store: Store, connections: Connections) -> None:
    put(store, "a.csv", b"n\n1\n")
    with pytest.raises(NotFound, match=r"lake:a\.csv"):
        read(connections, "lake:a.csv", version="0c4f3c2e-0000-0000-0000-000000000000")
    with pytest.raises(NotSupported, match="versions"):
        File("here:a.csv", Store(MemoryDriver()), "a.csv", "1").entry()


def test_another_etag_is_an_error_where_there_are_no_versions(store: Store, connections: Connections) -> None:
    _, etag = put(store, "a.csv", b"n\nold\n")
    assert read(connections, "lake:a.csv", etag=etag) == [{"n": "old"}]
    put(store, "a.csv", b"n\nnew\n")
    with pytest.raises(Changed, match=r"lake:a\.csv"):
        read(connections, "lake:a.csv", etag=etag)


@pytest.mark.parametrize("key", ["in//a.csv", "in/a[1]*?{x}.csv", "in/a+b%20c.csv", "in/../a.csv", "/in\\a.csv"])
def test_a_key_is_taken_as_it_stands_and_never_for_a_pattern(store: Store, connections: Connections, key: str) -> None:
    version, _ = put(store, key, b"n\n1\n")
    put(store, "in/a1.csv", b"n\n2\n")
    assert read(connections, f"lake:{key}", version=version) == [{"n": "1"}]


def test_chunks_that_read_their_ranges_read_the_same_version(store: Store, connections: Connections) -> None:
    version, _ = put(store, "a//b.csv", b"n\n" + b"".join(b"%03d\n" % at for at in range(300)))
    step = CsvRead(id="read", type="csv.read", path="lake:a//b.csv", version=version, ranges="always")
    folder = RunFolder(Store(MemoryDriver()), "r")
    files = CsvFiles(Reading(step, connections).plan({}), connections)
    rows = keep_files(folder, "/r/rows", 100, files, lambda _: None)
    put(store, "a//b.csv", b"n\n" + b"x\n" * 300)
    reader = RowsReader(folder, rows, connections.file)
    assert [row["n"] for part in range(3) for row in reader.part(part)] == [f"{at:03}" for at in range(300)]


def test_a_copy_takes_the_version_that_is_told_and_stays_on_the_server_while_it_is_the_newest(store: Store) -> None:
    version, _ = put(store, "a.csv", b"old")
    transfer(store, "a.csv", store, "first.csv", mode="server", version=version)
    put(store, "a.csv", b"new")
    with pytest.raises(NotSupported, match=r"is not the newest version of a\.csv"):
        transfer(store, "a.csv", store, "second.csv", mode="server", version=version)
    transfer(store, "a.csv", store, "second.csv", version=version, verify="full")
    assert (store.read("first.csv"), store.read("second.csv"), store.read("a.csv")) == (b"old", b"old", b"new")


def test_an_old_version_can_be_put_back_in_its_own_place(store: Store) -> None:
    version, _ = put(store, "a.csv", b"old")
    put(store, "a.csv", b"new")
    placed = place(File("lake:a.csv", store, "a.csv", version), File("lake:a.csv", store, "a.csv"), overwrite="replace")
    assert (placed.action, store.read("a.csv")) == ("copied", b"old")


@pytest.fixture
def world(spec: S3Spec) -> Iterator[World]:
    made = World(lake=S3Driver(spec), here=MemoryDriver())
    yield made
    made.close()


def planned(kind: Any, made: Any, scope: dict[str, Any], **fields: Any) -> Any:
    """What a step is about to do, given its fields."""
    return made(kind.model_validate({"id": "s", **fields}), Connections({})).plan(scope)


def test_a_step_copies_the_version_of_the_event_and_a_key_that_looks_like_a_pattern(store: Store, world: World) -> None:
    version, _ = put(store, "in/a[1]*.csv", b"old")
    put(store, "in/a[1]*.csv", b"new")
    scope = {"params": {"path": "lake:in/a[1]*.csv", "version": version}}
    told = {"type": "store.copy", "from": "{{ params.path }}", "version": "{{ params.version }}", "to": "here:kept/"}
    intent = planned(StoreCopy, Transferring, scope, **told)
    assert intent.told() == (
        "copy",
        {
            "from": "lake:in/a[1]*.csv",
            "to": "here:kept/a[1]*.csv",
            "version": version,
            "overwrite": "fail",
            "verify": "checksum",
        },
    )
    assert world.do(intent)["action"] == "copied"
    assert world.contents()["here"] == {"kept/a[1]*.csv": b"old"}


def test_a_move_takes_the_newest_version_only_and_leaves_a_newer_one_where_it_is(store: Store, world: World) -> None:
    version, _ = put(store, "a.csv", b"old")
    told = {"type": "store.move", "from": "lake:a.csv", "version": version, "to": "here:a.csv"}
    intent = planned(StoreMove, Moving, {}, **told)
    put(store, "a.csv", b"new")
    with pytest.raises(Changed, match="lake:a"):
        world.do(intent)
    assert world.contents() == {"lake": {"a.csv": b"new"}, "here": {}}
    newest = store.stat("a.csv")
    assert newest is not None
    assert world.do(planned(StoreMove, Moving, {}, **told | {"version": str(newest.version)}))["action"] == "moved"
    assert world.contents() == {"lake": {}, "here": {"a.csv": b"new"}}


def test_a_version_and_a_list_of_files_do_not_go_together() -> None:
    step = CsvRead(id="read", type="csv.read", path="{{ file.path }}", for_each="{{ steps.x.rows }}", version="1")
    assert [(where, code) for where, code, _, _ in step.findings()] == [(("version",), "J004")]
    with pytest.raises(RunError, match="R107 path gives"):
        Reading(CsvRead(id="read", type="csv.read", path="{{ paths }}", version="1"), Connections({})).plan(
            {"paths": ["a", "b"]}
        )
