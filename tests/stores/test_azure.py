"""What Azure adds to the contract: signatures, blocks, odd keys, copies on the server, nothing loaded without need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from node_tools import WANTED
from portl.stores import (
    NO_RETRY,
    AlreadyExists,
    AzureDriver,
    AzureSpec,
    Changed,
    ConfigError,
    ExactKey,
    How,
    InvalidPath,
    NotSupported,
    PermissionDenied,
    Store,
    StoreError,
    Unavailable,
    transfer,
)
from portl.stores._azure_access import IdentityAccess, KeyAccess, SasAccess, access
from stores.azurite import ACCOUNT, KEY
from stores.backends import azure_spec, azurite
from stores.faulty import CONTENT, Faulty, faulty

PARTS = bytes(range(256)) * 1_000
"""Four blocks, as the tests cut them."""
WRONG_KEY = "cGw0bnRlZA=="


def opened(spec: AzureSpec) -> Store:
    driver = AzureDriver(spec)
    driver.part_bytes = 64 * 1024
    return Store(driver, retry=NO_RETRY)


@pytest.fixture
def spec() -> AzureSpec:
    return azure_spec()


@pytest.fixture
def store(spec: AzureSpec) -> Iterator[Store]:
    with opened(spec) as store:
        yield store


def at(server: Faulty) -> AzureSpec:
    return AzureSpec(account=ACCOUNT, container="lake", endpoint=f"{server.endpoint}/{ACCOUNT}", account_key=SecretStr(KEY))


def own_signature(spec: AzureSpec) -> str:
    return KeyAccess(ACCOUNT, spec.container, KEY, https=False).of_container()


def by_signature(spec: AzureSpec) -> AzureSpec:
    return spec.model_copy(update={"account_key": None, "sas_token": SecretStr(own_signature(spec))})


def all_that_lies(spec: AzureSpec) -> list[str]:
    """The names in the container, also of what was never committed."""
    query = f"restype=container&comp=list&include=uncommittedblobs&{own_signature(spec)}"
    return httpx.get(f"{spec.endpoint}/{spec.container}?{query}").text.split("<Name>")[1:]


# blocks


def test_a_long_file_goes_in_blocks_on_the_conditions_of_a_short_one(store: Store) -> None:
    etag = store.write("a", PARTS, content_type="text/csv", metadata={"batch": "7"}).etag
    with pytest.raises(AlreadyExists):
        store.write("a", PARTS[::-1])
    with pytest.raises(Changed):
        store.write("a", PARTS[::-1], if_match='"never"')
    entry = store.stat("a")
    assert entry is not None
    assert (entry.etag, entry.content_type, dict(entry.metadata), entry.checksum) == (etag, "text/csv", {"batch": "7"}, None)
    assert store.read("a") == PARTS
    store.write("a", PARTS[::-1], if_match=etag)
    assert store.read("a") == PARTS[::-1]


@pytest.mark.long
def test_of_sixteen_writers_of_many_blocks_one_wins_in_each_of_ten_rounds_with_no_block_of_another(store: Store) -> None:
    for number in range(10):
        start, winners, losers = threading.Barrier(16), [], []

        def write(who: int, path: str, start: threading.Barrier, winners: list[int], losers: list[int]) -> None:
            start.wait()
            try:
                store.write(path, bytes([who]) * 200_000)
                winners.append(who)
            except AlreadyExists:
                losers.append(who)

        told = (f"round/{number}", start, winners, losers)
        threads = [threading.Thread(target=write, args=(who, *told)) for who in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert (len(winners), len(losers)) == (1, 15)
        assert store.read(f"round/{number}") == bytes([winners[0]]) * 200_000


def test_a_long_write_that_is_broken_off_shows_nothing_and_leaves_no_name(store: Store, spec: AzureSpec) -> None:
    def source() -> Iterator[bytes]:
        yield PARTS
        raise KeyboardInterrupt

    store.write("b", b"old")
    for path in ("a", "b"):
        with pytest.raises(KeyboardInterrupt):
            store.write(path, source(), overwrite=True)
    assert ([entry.path for entry in store.list()], store.read("b")) == (["b"], b"old")
    assert len(all_that_lies(spec)) == 2, "the blocks of a are kept by Azure for a week, and seen by this list only"


def test_a_short_file_is_compared_by_the_hash_that_azure_has_counted(store: Store) -> None:
    with store.writer("a") as file:
        file.write(b"x")
    with store.writer("b") as long:
        long.write(PARTS)
    assert (file.compared, long.compared) == (True, False)


# copies


def test_copies_stay_on_the_server_also_between_containers(store: Store) -> None:
    other = opened(azure_spec(prefix="archive"))
    for path, content in (("long", PARTS), ("short", b"x"), ("empty", b"")):
        etag = store.write(path, content, content_type="text/csv", metadata={"batch": "7"}).etag
        transfer(store, path, other, f"kept/{path}", mode="server")
        entry = other.stat(f"kept/{path}")
        assert entry is not None
        assert (other.read(f"kept/{path}"), entry.content_type, dict(entry.metadata)) == (content, "text/csv", {"batch": "7"})
        with pytest.raises(AlreadyExists):
            transfer(store, path, other, f"kept/{path}", mode="server")
        transfer(store, path, other, f"kept/{path}", mode="server", overwrite=True, verify="full")
        assert store.stat(path).etag == etag  # type: ignore[union-attr]
    other.close()


def test_a_copy_of_a_file_that_has_changed_meanwhile_is_refused(store: Store) -> None:
    old = store.write("a", b"old").etag
    store.write("a", b"new", overwrite=True)
    with pytest.raises(Changed):
        store.copied(store, "a", "b", How(), old)
    assert not store.exists("b")


def test_a_copy_too_long_for_one_call_goes_in_blocks_of_its_source_and_is_shown_by_the_last_call() -> None:
    size = 600 * 1024**2
    with faulty("ServerBusy") as server:
        server.size = size
        with Store(AzureDriver(at(server)), retry=NO_RETRY) as store:
            transfer(store, "a", store, "b", mode="server")
        *blocks, last = [(parse_qs(urlsplit(path).query), headers, body) for _, path, headers, body in server.got]
    step = 256 * 1024**2
    assert [headers["x-ms-source-range"] for _, headers, _ in blocks] == [
        f"bytes={start}-{min(start + step, size) - 1}" for start in (0, step, 2 * step)
    ]
    assert {headers["x-ms-source-if-match"] for _, headers, _ in blocks} == {'"one"'}
    sources = [urlsplit(headers["x-ms-copy-source"]) for _, headers, _ in blocks]
    assert {(each.path, *parse_qs(each.query)["sp"], *parse_qs(each.query)["sr"]) for each in sources} == {
        (f"/{ACCOUNT}/lake/a", "r", "b")
    }
    named = "".join(f"<Latest>{query['blockid'][0]}</Latest>" for query, _, _ in blocks)
    assert (last[0]["comp"], last[1]["If-None-Match"], named in last[2].decode()) == (["blocklist"], "*", True)


def test_a_copy_that_one_call_makes_is_whole_when_that_is_answered() -> None:
    with faulty("ServerBusy") as server, Store(AzureDriver(at(server)), retry=NO_RETRY) as store:
        transfer(store, "a", store, "b", mode="server")
    ((_, path, headers, _),) = server.got
    assert (urlsplit(path).path, headers["x-ms-requires-sync"], headers["If-None-Match"]) == (f"/{ACCOUNT}/lake/b", "true", "*")


def test_an_old_version_is_asked_for_by_its_name() -> None:
    with faulty("ServerBusy") as server:
        with Store(AzureDriver(at(server)), retry=NO_RETRY) as store:
            for path in ("a", store.exact("a//b")):
                assert store.read(path, version="2026-11-25T00:00:00.1Z") == CONTENT
                store.stat(path, version="2026-11-25T00:00:00.1Z")
        asked = [parse_qs(urlsplit(path).query).get("versionid") for path in server.paths]
    assert asked == [["2026-11-25T00:00:00.1Z"]] * 5


# names

ODD = ["a//b", "z/", "/lead", "x" * 1_024]


def test_a_container_with_keys_that_are_no_paths_is_listed_and_every_one_can_be_used(store: Store, spec: AzureSpec) -> None:
    for key in [*ODD, "a/b", "z&<y"]:
        store.write(store.exact(key), key.encode(), metadata={"batch": "7"})
    found = [entry.path for entry in store.list(recursive=True)]
    assert found == sorted([*ODD, "a/b", "z&<y"], key=str.encode)
    assert [store.read(path) for path in found] == [path.encode() for path in found]
    assert {path for path in found if isinstance(path, ExactKey)} == {"a//b", "z/", "/lead"}
    named = store.exact("a//b")
    assert store.write(named, b"new", overwrite=True).size == 3
    assert (store.read(named), store.read_range(named, 1, 1), store.open(named).read()) == (b"new", b"e", b"new")
    assert store.read_range(named, 3, 1) == b""
    listed = {entry.path: entry for entry in store.list(recursive=True)}
    assert listed["a//b"].etag == store.stat(named).etag  # type: ignore[union-attr]
    for path in found:
        store.delete(path)
    assert [*store.list(recursive=True)] == []


def test_a_level_with_a_key_that_is_no_path_is_listed_with_its_folders(store: Store) -> None:
    for key in ("in/a", "in//b", "in/c/d", "in/c/e"):
        store.write(store.exact(key), b"")
    assert [(each.path, each.kind) for each in store.list("in")] == [("in/", "folder"), ("in/a", "file"), ("in/c", "folder")]


@pytest.mark.parametrize("path", ["a.", "a/...", "a./b"])
def test_a_name_whose_dot_azure_would_take_off_is_refused_instead_of_touching_another_file(store: Store, path: str) -> None:
    store.write("a", b"x")
    calls = [
        lambda: store.write(path, b"y", overwrite=True),
        lambda: store.write(path, PARTS, overwrite=True),
        lambda: store.copy("a", path),
        lambda: store.read(path),
        lambda: store.exists(path),
        lambda: store.delete(path),
        lambda: store.sign(path),
    ]
    for call in calls:
        with pytest.raises(InvalidPath, match="ends with a dot"):
            call()
    assert ([entry.path for entry in store.list(recursive=True)], store.read("a")) == (["a"], b"x")


@pytest.mark.parametrize("metadata", [{"batch": "ü"}, {"batch": "a\r\nx-ms-evil: 1"}, {"ü": "a"}])
def test_metadata_that_no_header_can_hold_is_refused(store: Store, metadata: dict[str, str]) -> None:
    for content in (b"x", PARTS):
        with pytest.raises(StoreError, match="printable ASCII"):
            store.write("a", content, metadata=metadata)
    assert not store.exists("a")


# access


def test_a_signed_address_needs_no_credentials_and_allows_one_thing(store: Store) -> None:
    store.write("a b%41", b"x")
    read = store.sign("a b%41", expires=timedelta(minutes=1))
    assert httpx.get(read).content == b"x"
    put = {"x-ms-blob-type": "BlockBlob"}
    httpx.put(store.sign("new", method="PUT"), content=b"y", headers=put).raise_for_status()
    assert store.read("new") == b"y"
    refused = [
        httpx.put(read, content=b"y", headers=put),
        httpx.get(read.replace("a%20b%2541", "new")),
        httpx.get(store.sign("new", expires=timedelta(minutes=-1))),
    ]
    assert [each.status_code for each in refused] == [403] * 3
    with pytest.raises(NotSupported):
        store.sign("new", method="PATCH")


def test_a_shared_access_signature_does_what_a_key_does_but_sign(spec: AzureSpec) -> None:
    with opened(by_signature(spec)) as store:
        store.write("a", PARTS)
        store.write("b/c", b"x", content_type="text/csv")
        store.write(store.exact("b//d"), b"y")
        assert (store.read("a"), store.copy("b/c", "e").content_type) == (PARTS, "text/csv")
        assert [each.path for each in store.list(recursive=True)] == ["a", "b//d", "b/c", "e"]
        store.delete("a")
        assert (store.exists("a"), store.supports("sign")) == (False, False)
        with pytest.raises(NotSupported):
            store.sign("e")


def test_an_identity_writes_long_files_and_copies_by_signatures_for_one_blob_and_reaches_no_odd_key(spec: AzureSpec) -> None:
    driver = AzureDriver(spec)
    driver.part_bytes = 64 * 1024
    assert driver._store  # opened with the key, which stands for the identity: Azurite knows none without https
    driver._access = IdentityAccess(super(AzureDriver, driver)._signed)
    with Store(driver, retry=NO_RETRY) as store:
        store.write("a", PARTS)
        with pytest.raises(AlreadyExists):
            store.write("a", b"x")
        assert (store.copy("a", "b").size, store.move("b", "c").size, store.read("c")) == (len(PARTS), len(PARTS), PARTS)
        assert httpx.get(store.sign("c")).content == PARTS
        with pytest.raises(NotSupported):
            store.exact("a//b")


def test_credentials_come_from_the_connection_else_from_the_environment() -> None:
    bare = AzureSpec(account=ACCOUNT, container="lake")
    text = f"AccountName={ACCOUNT};AccountKey={KEY};EndpointSuffix=core.windows.net"
    cases = [
        ({"AZURE_STORAGE_ACCOUNT_KEY": KEY}, "access_key", KEY),
        ({"AZURE_STORAGE_KEY": KEY}, "access_key", KEY),
        ({"AZURE_STORAGE_SAS_TOKEN": "?sig=x"}, "sas_token", "sig=x"),
        ({"AZURE_STORAGE_CONNECTION_STRING": text}, "access_key", KEY),
        ({"AZURE_STORAGE_CONNECTION_STRING": "SharedAccessSignature=sv=1&sig=x"}, "sas_token", "sv=1&sig=x"),
        ({"AZURE_STORAGE_CONNECTION_STRING": text.replace(ACCOUNT, "another")}, "", ""),
        ({}, "", ""),
    ]
    for environment, name, secret in cases:
        found = access(bare, lambda *_: "", environment)
        assert (found.name, found.secret) == (name, secret)
    told = bare.model_copy(update={"sas_token": SecretStr("sig=own")})
    assert access(told, lambda *_: "", {"AZURE_STORAGE_ACCOUNT_KEY": KEY}) == SasAccess("sig=own")


def test_a_signature_is_made_anew_before_it_ends() -> None:
    made = KeyAccess(ACCOUNT, "lake", KEY, https=True)
    first = made.of_container()
    assert made.of_container() == first
    made._until = datetime.now(UTC) + timedelta(minutes=29)
    second = parse_qs(made.of_container())
    assert made._until - datetime.now(UTC) > timedelta(minutes=59)
    assert (second["spr"], second["sr"], second["sp"]) == (["https"], ["c"], ["rcwdl"])


# what goes wrong


def test_a_container_that_is_not_there_is_the_connections_fault(spec: AzureSpec) -> None:
    with opened(spec.model_copy(update={"container": "not-there"})) as store:
        for call in (store.check, lambda: store.read("a"), lambda: store.write("a", b""), lambda: store.write("a", PARTS)):
            with pytest.raises(ConfigError) as caught:
                call()
            assert "azure://devstoreaccount1/not-there" in caught.value.store


def test_an_address_where_nobody_listens_is_unavailable(spec: AzureSpec) -> None:
    with opened(spec.model_copy(update={"endpoint": f"http://127.0.0.1:1/{ACCOUNT}"})) as store:
        for call in (store.check, lambda: store.read("a"), lambda: store.write("a", b"")):
            with pytest.raises(Unavailable):
                call()


@pytest.mark.parametrize(
    "given", [{"account": "Upper"}, {"container": "a--b"}, {"container": "a"}, {"endpoint": "lake"}, {"x": 1}]
)
def test_a_connection_that_names_nothing_possible_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AzureSpec.model_validate({"account": ACCOUNT, "container": "lake", **given})


def test_a_key_that_is_no_key_is_the_connections_fault_and_not_repeated(spec: AzureSpec) -> None:
    with pytest.raises(ConfigError) as caught:
        AzureDriver(spec.model_copy(update={"account_key": SecretStr(WRONG_KEY[:-1])}))
    assert WRONG_KEY[:-1] not in "".join(traceback.format_exception(caught.value))


def calls_that_fail(store: Store) -> Iterator[StoreError]:
    named = ExactKey("a//b")
    for call in (
        store.check,
        lambda: store.read("a"),
        lambda: store.read(named),
        lambda: store.write("a", b"x"),
        lambda: store.write("a", PARTS),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        yield caught.value


@pytest.mark.parametrize("kind", ["account_key", "sas_token"])
@pytest.mark.parametrize("reachable", [True, False])
def test_a_wrong_secret_is_told_and_shown_nowhere(
    spec: AzureSpec, kind: str, reachable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {"account_key": WRONG_KEY, "sas_token": "sp=rcwdl&se=2099-01-01T00:00:00Z&sv=2023-11-03&sr=c&sig=cGw0bnRlZA=="}
    where = {} if reachable else {"endpoint": f"http://127.0.0.1:1/{ACCOUNT}"}
    wrong = spec.model_copy(update={"account_key": None, kind: SecretStr(secrets[kind]), **where})
    caplog.set_level("DEBUG")
    with opened(wrong) as store:
        problems = [*calls_that_fail(store)]
        shown = [repr(wrong), str(wrong), wrong.model_dump_json(), repr(store), store.name, caplog.text]
        shown += [repr(vars(store.driver)), *("".join(traceback.format_exception(each)) for each in problems)]
    assert {type(each) for each in problems} == {PermissionDenied if reachable else Unavailable}
    assert [each for each in shown if "cGw0bnRlZA" in each or "sig=" in each] == []


LOADED = """
import sys
from portl.stores import AzureDriver, AzureSpec, Store
WATCHED = {"obstore", "boto3", "botocore", "paramiko", "httpx", "xml.etree"}
assert not WATCHED & {*sys.modules}
store = Store(AzureDriver(AzureSpec.model_validate_json(sys.argv[1])))
assert not WATCHED & {*sys.modules}
print(store.read("a"), sorted(WATCHED & {*sys.modules}))
print([each.path for each in store.list()], sorted(WATCHED & {*sys.modules}))
"""


def test_what_reads_loads_obstore_only_and_heeds_no_key_of_the_environment_beside_its_own_signature(spec: AzureSpec) -> None:
    with opened(spec) as store:
        store.write("a", b"x")
    given = {**spec.model_dump(mode="json", exclude_none=True), "sas_token": own_signature(spec)}
    del given["account_key"]
    other = {"AZURE_STORAGE_ACCOUNT_KEY": WRONG_KEY, "AZURE_STORAGE_USE_EMULATOR": "true", "AZURE_CONTAINER_NAME": "other"}
    command = [sys.executable, "-c", LOADED, json.dumps(given)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **other})
    assert ended.stdout == "b'x' ['obstore']\n['a'] ['obstore', 'xml.etree']\n"


def test_the_server_of_these_tests_is_the_pinned_one() -> None:
    wanted = json.loads((WANTED / "package.json").read_text())["devDependencies"]["azurite"]
    assert httpx.get(azurite().endpoint).headers["server"] == f"Azurite-Blob/{wanted}"
