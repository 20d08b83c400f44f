"""What S3 adds to the contract: parts, odd keys, faults of the service, and nothing loaded that is not needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from portl.stores import (
    NO_RETRY,
    AlreadyExists,
    Changed,
    ConfigError,
    ExactKey,
    S3Driver,
    S3Spec,
    Store,
    StoreError,
    transfer,
)
from portl.stores._s3_calls import Signer, calls_of
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


# calls that are signed here


@pytest.mark.parametrize("token", [None, "a token"])
@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://s3.eu-west-1.amazonaws.com/lake?encoding-type=url&list-type=2&prefix=a%20b%2F%C3%BC%2B%7E"),
        ("GET", "http://127.0.0.1:9000/lake?continuation-token=1%2Fa%3D&delimiter=%2F&list-type=2"),
        ("DELETE", "http://127.0.0.1:9000/lake/a%20b/%2541/%C3%BC~//c%0A"),
    ],
)
def test_a_call_is_signed_as_botocore_signs_it(method: str, url: str, token: str | None) -> None:
    asked = AWSRequest(method=method, url=url)
    S3SigV4Auth(Credentials("AKID", "a secret", token), "s3", "eu-west-1").add_auth(asked)
    at = datetime.strptime(asked.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    parts = urlsplit(url)
    ours = Signer("AKID", "a secret", token, "eu-west-1").headers(method, parts.netloc, parts.path, parts.query, at)
    theirs = {name.lower(): value for name, value in asked.headers.items()}
    assert {name.lower(): value for name, value in ours.items()} == {"host": parts.netloc, **theirs}


KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("fields", "environment", "expected"),
    [
        ({}, KEYS, ("https://s3.eu-west-1.amazonaws.com/lake", Signer("AKID", "s", "t", "eu-west-1"))),
        ({"region": "us-east-2"}, KEYS, ("https://s3.us-east-2.amazonaws.com/lake", Signer("AKID", "s", "t", "us-east-2"))),
        (
            {"endpoint": "http://127.0.0.1:1/", "access_key_id": "own", "secret_access_key": "k"},
            KEYS,
            ("http://127.0.0.1:1/lake", Signer("own", "k", None, "eu-west-1")),
        ),
        ({}, {}, None),
        ({"virtual_host": True}, KEYS, None),
        ({}, {**KEYS, "https_proxy": "http://127.0.0.1:1"}, None),
        ({}, {**KEYS, "AWS_CA_BUNDLE": "own.pem"}, None),
        (
            {"endpoint": "http://127.0.0.1:1"},
            {**KEYS, "http_proxy": "http://proxy:1", "NO_PROXY": "localhost,127.0.0.1"},
            ("http://127.0.0.1:1/lake", Signer("AKID", "s", "t", "eu-west-1")),
        ),
    ],
)
def test_calls_are_signed_here_only_where_the_keys_are_at_hand(
    fields: dict[str, Any], environment: dict[str, str], expected: tuple[str, Signer] | None
) -> None:
    spec = S3Spec.model_validate({"bucket": "lake", **fields})
    made = calls_of(spec, spec.endpoint, environment)
    assert (made and (made.calls.address, made.signer)) == expected


def test_where_the_keys_must_be_found_boto3_lists_and_removes_with_the_same_outcome(spec: S3Spec) -> None:
    driver = S3Driver(spec)
    driver.__dict__["_rest"] = None  # as calls_of answers then
    with Store(driver) as store:
        for key in [*ODD, "a/b", "z"]:
            store.write(store.exact(key), key.encode())
        found = [entry.path for entry in store.list(recursive=True)]
        assert found == sorted([*ODD, "a/b", "z"], key=str.encode)
        assert [each.path for each in store.list(recursive=True, start_after="a/b")] == [key for key in found if key > "a/b"]
        etag = store.write("z", b"new", overwrite=True).etag
        with pytest.raises(Changed):
            store.delete("z", if_match='"never"')
        store.delete("z", if_match=etag)
        assert not store.exists("z")


@pytest.mark.long
def test_a_long_list_comes_page_by_page(store: Store, spec: S3Spec, client: Any) -> None:
    keys = sorted(f"f/{number:04}" for number in range(1_003))
    for key in keys:
        client.put_object(Bucket=spec.bucket, Key=key, Body=b"")
    assert [each.path for each in store.list("f")] == keys
    assert [each.path for each in store.list("f", start_after="f/1000")] == keys[1_001:]
