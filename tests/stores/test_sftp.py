"""What SFTP adds to the contract: who the server is, servers that lack something, connections that break."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from portl.stores import (
    NO_RETRY,
    AlreadyExists,
    ConfigError,
    NotSupported,
    PermissionDenied,
    RetryPolicy,
    SftpDriver,
    Store,
    StoreError,
    StoreTimeout,
    Unavailable,
    transfer,
)
from portl.stores import LocalDriver as Local
from stores.backends import sftp, sftp_spec
from stores.sftp_server import start_sftp_server

LARGE = bytes(range(256)) * 40_000


def opened(server: Any = None, *, retry: RetryPolicy = NO_RETRY, **more: Any) -> Store:
    return Store(SftpDriver(sftp_spec(server, **more)), retry=retry)


def test_a_server_with_another_key_is_refused_before_anybody_logs_in() -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with opened(host_key=other) as store, pytest.raises(ConfigError):
        store.read("a")
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    with opened(host_key=other) as store, pytest.raises(StoreError):
        store.read("a")


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "no key at all"])
def test_a_host_key_that_cannot_be_read_is_the_connections_fault(key: str) -> None:
    with opened(host_key=key) as store, pytest.raises(ConfigError) as caught:
        store.read("a")
    assert "ssh-keyscan" in caught.value.hint


def test_a_wrong_password_is_told_and_shown_nowhere() -> None:
    with opened(password="pl4nted") as store, pytest.raises(PermissionDenied) as caught:
        store.read("a")
    assert "pl4nted" not in f"{caught.value} {caught.value.detail} {store!r} {sftp_spec(password='pl4nted')!r}"
    with opened(password=None) as store, pytest.raises(ConfigError):
        store.read("a")


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
@pytest.mark.parametrize("passphrase", [None, "words of a phrase"])
def test_a_private_key_opens_the_server(tmp_path: Path, kind: str, passphrase: str | None) -> None:
    key = asyncssh.generate_private_key(kind)
    server = start_sftp_server(tmp_path / "served", client_key=key.export_public_key().decode())
    text = key.export_private_key("openssh", passphrase).decode()
    with opened(server, password=None, private_key=text, passphrase=passphrase) as store:
        assert store.write("a", b"x").size == 1
    with opened(server, password=None, private_key="no key") as store, pytest.raises(ConfigError):
        store.read("a")


class _WithoutExtensions(asyncssh.SFTPServer):
    """Knows the protocol's own rename only, which refuses a name that is taken."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("unsupported")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("unsupported")


class _Overwriting(_WithoutExtensions):
    """The same, and its rename overwrites."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        Path(self.map_path(oldpath).decode()).replace(self.map_path(newpath).decode())


def test_a_server_without_extensions_creates_but_does_not_replace(tmp_path: Path) -> None:
    server = start_sftp_server(tmp_path / "served", _WithoutExtensions)
    with opened(server, root="/") as store:
        store.write("a", b"first")
        with pytest.raises(AlreadyExists):
            store.write("a", b"second")
        with pytest.raises(NotSupported) as caught:
            store.write("a", b"second", overwrite=True)
        assert (caught.value.capability, store.read("a")) == ("replace", b"first")
    assert [each.name for each in (tmp_path / "served").iterdir()] == ["a"]


def test_a_server_whose_rename_overwrites_is_found_out_and_nothing_is_lost(tmp_path: Path) -> None:
    server = start_sftp_server(tmp_path / "served", _Overwriting)
    (tmp_path / "served" / "a").write_bytes(b"first")
    with opened(server, root="/") as store:
        with pytest.raises(NotSupported) as caught:
            store.write("a", b"second")
        assert (caught.value.capability, store.read("a"), store.supports("create")) == ("create", b"first", False)
    assert [each.name for each in (tmp_path / "served").iterdir()] == ["a"]


def test_a_server_that_is_not_there_is_unavailable_and_one_that_is_silent_times_out() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with opened(port=port, timeout_s=0.3) as store, pytest.raises(StoreTimeout):
            store.read("a")
    with opened(port=port) as store, pytest.raises(Unavailable):
        store.read("a")


QUICK = RetryPolicy(attempts=6, base_s=0.05, max_s=0.2, deadline_s=60)


@pytest.fixture
def cutting(tmp_path: Path) -> Iterator[Any]:
    """A server of its own, so that its connections can be cut."""
    server = start_sftp_server(tmp_path / "served")
    yield server
    server.cut()


def test_a_write_goes_on_over_another_connection_at_the_byte_it_reached(cutting: Any) -> None:
    def source() -> Iterator[bytes]:
        for at in range(0, len(LARGE), 1_000_000):
            if at in (3_000_000, 7_000_000):
                cutting.cut()
                time.sleep(0.2)
            yield LARGE[at : at + 1_000_000]

    with opened(cutting, retry=QUICK) as store:
        store.write("a", source())
        assert store.read("a") == LARGE
    (folder,) = cutting.root.iterdir()
    assert [each.name for each in folder.iterdir()] == ["a"]


def test_a_read_that_breaks_off_is_taken_up_at_the_byte_it_reached(cutting: Any) -> None:
    with opened(cutting, retry=QUICK) as store:
        store.write("a", LARGE)
        parts = store.chunks("a")
        content = next(parts) + next(parts)
        cutting.cut()
        assert content + b"".join(parts) == LARGE


def test_a_connection_that_ended_while_it_was_idle_is_replaced(cutting: Any) -> None:
    with opened(cutting, retry=QUICK) as store:
        store.write("a", b"x")
        cutting.cut()
        time.sleep(0.2)
        assert store.read("a") == b"x"


def test_no_more_connections_are_opened_than_are_allowed(cutting: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with opened(cutting, max_connections=2) as store, ThreadPoolExecutor(8) as pool:
        [*pool.map(lambda at: store.write(f"f{at}", LARGE[:100_000]), range(16))]
        assert len(cutting.connections) <= 2
        assert len([*store.list()]) == 16


def test_a_transfer_from_one_folder_of_a_server_to_the_disk_is_verified(tmp_path: Path) -> None:
    with opened() as store:
        store.write("in/a", LARGE)
        there = Store(Local(tmp_path))
        written = transfer(store, "in/a", there, "a")
        assert (there.read("a"), written.size) == (LARGE, len(LARGE))
        assert sftp().port


def test_a_folder_is_removed_with_what_a_killed_writer_has_left(tmp_path: Path) -> None:
    inside = tmp_path / "served" / "in"
    inside.mkdir(parents=True)
    (inside / ".writing-0011223344556677").write_bytes(b"half")
    with opened(start_sftp_server(tmp_path / "served"), root="/") as store:
        assert store.delete_folder("in", recursive=True) == 0
    assert not inside.exists()
