"""A file from one store to another: on the server where both are one place, else streamed, and compared before it counts."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from portl.errors import AlreadyExists, Changed, ChecksumMismatch, IsFolder, NotSupported, StoreError
from portl.stores._entries import Entry, How, Written
from portl.stores._progress import OnProgress, Told
from portl.stores._saying import said

if TYPE_CHECKING:
    from portl.stores._store import Store

Mode = Literal["auto", "server", "stream"]
Verify = Literal["size", "checksum", "full"]
AHEAD = 4
"""Parts that are read while the one before them is written."""
ALONE_BYTES = 1024 * 1024
"""What is no longer comes in one part, and a thread to read ahead would cost more than the file."""


def transfer(
    src_store: Store,
    src: str,
    dst_store: Store,
    dst: str,
    *,
    mode: Mode = "auto",
    overwrite: bool = False,
    verify: Verify = "checksum",
    progress: OnProgress | None = None,
    resume: bool = False,
    etag: str | None = None,
    version: str | None = None,
) -> Written:
    """Copies one file, whole or not at all; the source is read as one content from end to end.

    Args:
        src_store: the store it is in,
        src: and where.
        dst_store: the store it goes to,
        dst: and where.
        mode: ``server``: inside one place, not through this machine; ``stream``: through it; ``auto``: the first if it can be.
        overwrite: without it, what is there stays and AlreadyExists is raised.
        verify: ``size``; ``checksum``: also a hash, the store's own where it tells one, else read back; ``full``: read back.
        progress: is told how far it is.
        etag: what the source must have; Changed when it has another.
        version: of the source, which is copied though another one is there now.
        resume: a target that is there with the same content counts as done, so that what was cut off can be done over.

    Raises:
        ChecksumMismatch: what arrived is not what was sent; the target is removed, the source is kept.
        Changed: the source changed meanwhile.
        NotSupported: ``server``, and the two are not one place.
    """
    entry = src_store.stat(src, version=version)
    if entry is None or entry.kind == "folder":
        raise said(IsFolder, src, src_store.name, "transfer", None)
    if etag is not None and entry.etag != etag:
        raise said(Changed, src, src_store.name, "transfer", None)
    if version is None and src_store.driver is dst_store.driver and src_store.key(src) == dst_store.key(dst):
        if not overwrite:
            raise said(AlreadyExists, dst, dst_store.name, "transfer", None)
        return Written(dst, entry.size, entry.checksum, entry.etag, entry.version)
    copying = _Copying(src_store, src, entry, dst_store, dst, overwrite, verify, progress, version)
    done = copying.done_before() if resume else None
    if done is not None:
        return done
    return copying.on_server() if copying.may_stay_there(mode) else copying.through_here()


def content_hash(store: Store, path: str, *, etag: str | None = None, version: str | None = None) -> str:
    """``sha256:hexadecimal`` of a file, by reading it."""
    digest = hashlib.sha256()
    for part in store.chunks(path, etag=etag, version=version):
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Copying:
    """One file on its way; the fields are the arguments of ``transfer``."""

    src_store: Store
    src: str
    entry: Entry
    dst_store: Store
    dst: str
    overwrite: bool
    verify: Verify
    progress: OnProgress | None
    version: str | None

    def done_before(self) -> Written | None:
        """What is there already, when it is the same."""
        there = self.dst_store.stat(self.dst, missing_ok=True)
        if there is None or there.kind == "folder" or there.size != self.entry.size:
            return None
        digest = self._source_hash()
        if content_hash(self.dst_store, self.dst, etag=there.etag) != digest:
            return None
        return Written(self.dst, there.size, digest, there.etag, there.version)

    def may_stay_there(self, mode: Mode) -> bool:
        """Whether the two stores are one place, which copies by itself. Raises NotSupported where that is demanded in vain."""
        one, other = self.src_store.driver, self.dst_store.driver
        can = type(one) is type(other) and one.place == other.place and self.dst_store.supports("server_copy")
        can = can and self._is_newest()
        if mode == "server" and not can:
            self.dst_store.demand("server_copy", "copy", self.dst)
            text = f"{self.src_store.name} and {self.dst_store.name} are not one place"
            if self.version is not None:
                text += f", or {self.version} is not the newest version of {self.src}"
            about = {"path": self.dst, "store": self.dst_store.name, "operation": "transfer"}
            raise NotSupported(text, capability="server_copy", hint="use mode auto or stream", **about)
        return can and mode != "stream"

    def _is_newest(self) -> bool:
        """Whether the version that is told is what is there now: the server copies only that, on condition of its ETag."""
        if self.version is None:
            return True
        now = self.src_store.stat(self.src, missing_ok=True)
        return now is not None and now.version == self.version

    def _source_hash(self) -> str:
        return content_hash(self.src_store, self.src, etag=self.entry.etag, version=self.version)

    def on_server(self) -> Written:
        """Copies without passing through this machine."""
        entry, told = self.entry, self._told()
        how = How(self.overwrite, None, entry.content_type, entry.metadata)
        made = self.dst_store.copied(self.src_store, self.src, self.dst, how, entry.etag)
        if made.size != entry.size:
            raise self._mismatch(f"{self.dst} has {made.size:,} bytes, and {self.src} has {entry.size:,}")
        checksum = made.checksum
        if self.verify == "full":
            checksum = self._source_hash()
            self._read_back(checksum)
        told.more(entry.size)
        told.end()
        return Written(self.dst, made.size, checksum, made.etag, made.version)

    def through_here(self) -> Written:
        """Reads and writes side by side."""
        entry, told = self.entry, self._told()
        beside: dict[str, Any] = {}
        if self.dst_store.supports("metadata"):
            beside = {"content_type": entry.content_type, "metadata": entry.metadata}
        expected = entry.checksum if (entry.checksum or "").startswith("sha256:") else None
        parts = self.src_store.chunks(self.src, etag=entry.etag, version=self.version)
        if entry.size > ALONE_BYTES:
            parts = _ahead(parts)
        with self.dst_store.writer(self.dst, overwrite=self.overwrite, checksum=expected, **beside) as writing:
            for part in parts:
                writing.write(part)
                told.more(len(part))
            if writing.size != entry.size:
                raise said(Changed, self.src, self.src_store.name, "transfer", None)
        told.end()
        if self.verify == "full" or (self.verify == "checksum" and not writing.compared):
            self._read_back(str(writing.written.checksum))
        return writing.written

    def _told(self) -> Told:
        return Told("copy", self.src, self.entry.size, self.progress)

    def _read_back(self, sent: str) -> None:
        there = content_hash(self.dst_store, self.dst)
        if there != sent:
            raise self._mismatch(f"{self.dst} has {there}, and {sent} was sent")

    def _mismatch(self, text: str) -> ChecksumMismatch:
        with suppress(StoreError):  # what is wrong must not stay, and why it is wrong is what is told
            self.dst_store.delete(self.dst)
        hint = "do it again; the source is kept"
        return ChecksumMismatch(text, hint=hint, path=self.dst, store=self.dst_store.name, operation="transfer")


def _ahead(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts, read by a thread of their own so that reading and writing go side by side; at most ``AHEAD`` are held."""
    filled: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: bytes | BaseException | None) -> bool:
        while not stopped.is_set():
            with suppress(queue.Full):
                filled.put(item, timeout=0.1)
                return True
        return False

    def read() -> None:
        try:
            for part in parts:
                if not put(part):
                    return
            put(None)
        except BaseException as problem:  # noqa: BLE001 - it is raised where the parts are taken
            put(problem)

    thread = threading.Thread(target=read, name="portl-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := filled.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
