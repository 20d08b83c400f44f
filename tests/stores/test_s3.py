"""What S3 adds to the contract: parts, odd keys, faults of the service, and nothing loaded that is not needed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from portl.stores import (
    NO_RETRY,
    AlreadyExists,
    Changed,
    ConfigError,
    ExactKey,
    NotFound,
    PermissionDenied,
    RetryPolicy,
    S3Driver,
    S3Spec,
    Store,
    StoreError,
    StoreTimeout,
    Throttled,
    Unavailable,
    transfer,
)
from stores.backends import s3_endpoint, s3_spec

PARTS = bytes(range(256)) * (5 * 4096 * 2 + 40)
"""A little more than ten MiB."""


@pytest.fixture
def spec() -> S3Spec:
    return s3_spec()


@pytest.fixture
def client() -> Iterator[Any]:
    keys = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    made = boto3.client("s3", endpoint_url=s3_endpoint(), **keys)
    yield made
    made.close()


@pytest.fixture
def store(spec: S3Spec) -> Iterator[Store]:
    driver = S3Driver(spec)
    driver.part_bytes = 5 * 1024 * 1024
    with Store(driver) as store:
        yield store


def uploads(client: Any, spec: S3Spec) -> list[str]:
    return [each["Key"] for each in client.list_multipart_uploads(Bucket=spec.bucket).get("Uploads", ())]


def test_a_long_file_goes_in_parts_on_the_conditions_of_a_short_one(store: Store, spec: S3Spec, client: Any) -> None:
    etag = store.write("a", PARTS, content_type="text/csv", metadata={"batch": "7"}).etag
    with pytest.raises(AlreadyExists):
        store.write("a", PARTS[::-1])
    with pytest.raises(Changed):
        store.write("a", PARTS[::-1], if_match='"never"')
    entry = store.stat("a")
    assert entry is not None
    assert (entry.content_type, dict(entry.metadata), entry.checksum) == ("text/csv", {"batch": "7"}, None)
    assert store.read("a") == PARTS
    store.write("a", PARTS[::-1], if_match=etag)
    assert (store.read("a"), uploads(client, spec)) == (PARTS[::-1], [])


def test_a_long_write_that_is_broken_off_leaves_no_open_upload(store: Store, spec: S3Spec, client: Any) -> None:
    def source() -> Iterator[bytes]:
        yield PARTS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write("a", source())
    assert (store.exists("a"), uploads(client, spec)) == (False, [])


def test_copies_stay_on_the_server_also_between_buckets(store: Store, tmp_path: Path) -> None:
    other = Store(S3Driver(s3_spec(prefix="archive")))
    for path, content in (("long", PARTS), ("short", b"x"), ("empty", b"")):
        store.write(path, content, content_type="text/csv")
        transfer(store, path, other, f"kept/{path}", mode="server")
        entry = other.stat(f"kept/{path}")
        assert entry is not None
        assert (other.read(f"kept/{path}"), entry.content_type) == (content, "text/csv")
        with pytest.raises(AlreadyExists):
            transfer(store, path, other, f"kept/{path}", mode="server")
        transfer(store, path, other, f"kept/{path}", mode="server", overwrite=True, verify="full")


ODD = ["a//b", "a/", "/a", "a/./b", "..", "x" * 1_024]


def test_a_bucket_with_keys_that_are_no_paths_is_listed_and_every_one_can_be_used(
    store: Store, spec: S3Spec, client: Any
) -> None:
    for key in [*ODD, "a/b", "z"]:
        client.put_object(Bucket=spec.bucket, Key=key, Body=key.encode())
    found = [entry.path for entry in store.list(recursive=True)]
    assert found == sorted([*ODD, "a/b", "z"], key=str.encode)
    assert [store.read(path) for path in found] == [path.encode() for path in found]
    assert {path for path in found if isinstance(path, ExactKey)} == {*ODD} - {"x" * 1_024}
    named = store.exact("a//b")
    assert store.write(named, b"new", overwrite=True).size == 3
    assert (store.read(named), store.read_range(named, 1, 1), store.open(named).read()) == (b"new", b"e", b"new")
    for path in found:
        store.delete(path)
    assert [*store.list(recursive=True)] == []


def test_an_old_version_can_be_read(store: Store, spec: S3Spec, client: Any) -> None:
    client.put_bucket_versioning(Bucket=spec.bucket, VersioningConfiguration={"Status": "Enabled"})
    first = client.put_object(Bucket=spec.bucket, Key="a", Body=b"first")["VersionId"]
    store.write("a", b"second", overwrite=True)
    assert (store.read("a", version=first), store.read("a")) == (b"first", b"second")
    with store.open("a", version=first) as stream:
        assert stream.read() == b"first"


def test_a_signed_address_needs_no_credentials(store: Store) -> None:
    store.write("a b", b"x")
    assert httpx.get(store.sign("a b", expires=timedelta(minutes=1))).content == b"x"
    httpx.put(store.sign("new", method="PUT"), content=b"y").raise_for_status()
    assert store.read("new") == b"y"


def test_a_bucket_that_is_not_there_is_the_connections_fault(spec: S3Spec) -> None:
    store = Store(S3Driver(spec.model_copy(update={"bucket": "not-there"})), retry=NO_RETRY)
    for call in (store.check, lambda: store.read("a"), lambda: store.write("a", b""), lambda: store.write("a", PARTS * 2)):
        with pytest.raises(ConfigError) as caught:
            call()
        assert "s3://not-there" in caught.value.store


class _Faults(BaseHTTPRequestHandler):
    """Answers one object, after as many failures as the server's script has."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range"))
        fault = self.server.script.pop(0) if self.server.script else 200
        content = PARTS[: 3 * 1024 * 1024]
        begin = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        if fault == "stall":
            self.server.released.wait(10)
            return
        if fault == "reset":
            self.close_connection = True
            return
        self.send_response(fault if isinstance(fault, int) and fault != 200 else 206 if begin else 200)
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"one"')
        if isinstance(fault, int) and fault != 200:
            content, begin = b"<Error><Code>SlowDown</Code></Error>" if fault == 503 else b"<Error/>", 0
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : begin + 1_500_000] if fault == "cut" else content[begin:])
        self.close_connection = fault == "cut"

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def faults() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Faults) as server:
        server.daemon_threads = True
        server.script, server.asked, server.released = [], [], threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def against(server: Any, retry: RetryPolicy, **more: Any) -> Store:
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    keys = {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1"}
    return Store(S3Driver(S3Spec.model_validate({"bucket": "lake", "endpoint": endpoint, **keys, **more})), retry=retry)


QUICK = RetryPolicy(attempts=4, base_s=0.01, max_s=0.05, deadline_s=30)


@pytest.mark.parametrize(
    ("fault", "expected", "retryable"),
    [
        (503, Throttled, True),
        (429, Throttled, True),
        (500, Unavailable, True),
        (403, PermissionDenied, False),
        (401, PermissionDenied, False),
        (404, NotFound, False),
        (400, StoreError, False),
        ("reset", Unavailable, True),
        ("stall", StoreTimeout, True),
        ("cut", Unavailable, True),
    ],
)
def test_each_fault_of_the_service_is_told_in_the_words_of_the_house(
    faults: Any, fault: Any, expected: type[StoreError], retryable: bool
) -> None:
    faults.script[:] = [fault] * 9
    with against(faults, NO_RETRY, timeout_s=0.5) as store, pytest.raises(expected) as caught:
        store.read("a")
    assert (type(caught.value), caught.value.retryable, len(faults.asked)) == (expected, retryable, 1)
    assert "Debug source" not in caught.value.message


def test_a_read_that_breaks_off_is_taken_up_at_the_byte_it_reached(faults: Any) -> None:
    faults.script[:] = [503, "reset", "cut", 500, 200]
    with against(faults, QUICK) as store:
        assert store.read("a") == PARTS[: 3 * 1024 * 1024]
    begins = [int(each[6:].split("-")[0]) for each in faults.asked if each]
    assert (faults.asked[:3], len(faults.asked), len({*begins})) == ([None, None, None], 5, 1)
    assert 0 < begins[0] <= 1_500_000


def test_no_more_is_tried_than_the_policy_or_the_functions_time_allows(faults: Any) -> None:
    faults.script[:] = [503] * 99
    with against(faults, QUICK) as store, pytest.raises(Throttled):
        store.read("a")
    assert len(faults.asked) == 4
    hurried = against(faults, RetryPolicy(attempts=9, base_s=60, max_s=60))
    hurried = Store(hurried.driver, retry=RetryPolicy(attempts=9, base_s=60, max_s=60), remaining=lambda: 0.0)
    with hurried, pytest.raises(Throttled):
        hurried.read("a")
    assert len(faults.asked) == 5


LOADED = """
import sys
from portl.stores import S3Driver, S3Spec, Store
assert not {"obstore", "boto3", "paramiko"} & {*sys.modules}
store = Store(S3Driver(S3Spec.model_validate_json(sys.argv[1])))
store.write("a", b"x")
store.read("a"), store.stat("a"), [*store.list()], store.sign("a"), store.delete("a")
print(sorted({"obstore", "boto3", "botocore", "paramiko"} & {*sys.modules}))
"""


def test_what_reads_and_writes_small_objects_loads_neither_boto3_nor_paramiko(spec: S3Spec) -> None:
    given = {**spec.model_dump(mode="json", exclude_none=True), "secret_access_key": "testing"}
    import json

    ended = subprocess.run([sys.executable, "-c", LOADED, json.dumps(given)], capture_output=True, text=True, check=True)
    assert ended.stdout == "['obstore']\n"


def test_a_secret_is_masked_wherever_a_store_is_shown(spec: S3Spec) -> None:
    secret = S3Spec.model_validate({**spec.model_dump(), "secret_access_key": "pl4nted"})
    store = Store(S3Driver(secret), retry=NO_RETRY)
    with pytest.raises(StoreError) as caught:
        store.read("absent")
    shown = [
        repr(secret),
        str(secret),
        secret.model_dump_json(),
        repr(store),
        store.name,
        str(caught.value),
        str(caught.value.detail),
    ]
    assert [each for each in shown if "pl4nted" in each] == []
