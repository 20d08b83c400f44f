"""A file from one store to another: on the server where both are one place, else streamed, and compared before it counts."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from portl.errors import Changed, ChecksumMismatch, IsFolder, StoreError
from portl.stores._entries import Entry, How, Written
from portl.stores._progress import OnProgress, Told
from portl.stores._saying import said
from portl.stores._store import Store

Mode = Literal["auto", "server", "stream"]
Verify = Literal["size", "checksum", "full"]
AHEAD = 4
"""Parts that are read while the one before them is written."""


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
        resume: a target that is there with the same content counts as done, so that what was cut off can be done over.

    Raises:
        ChecksumMismatch: what arrived is not what was sent; the target is removed, the source is kept.
        Changed: the source changed meanwhile.
        NotSupported: ``server``, and the two are not one place.
    """
    entry = src_store.stat(src)
    if entry is None or entry.kind == "folder":
        raise said(IsFolder, src, src_store.name, "transfer", None)
    if resume and (done := _already(src_store, src, entry, dst_store, dst)) is not None:
        return done
    if _on_server(mode, src_store, dst_store, dst):
        return _server(src_store, src, entry, dst_store, dst, overwrite=overwrite, verify=verify, progress=progress)
    return _stream(src_store, src, entry, dst_store, dst, overwrite=overwrite, verify=verify, progress=progress)


def upload(file: str | Path, store: Store, path: str, *, overwrite: bool = False, verify: Verify = "checksum") -> Written:
    """Copies a file of this machine into a store. See ``transfer``."""
    here, name = _local(file)
    return transfer(here, name, store, path, overwrite=overwrite, verify=verify)


def download(store: Store, path: str, file: str | Path, *, overwrite: bool = False, verify: Verify = "checksum") -> Written:
    """Copies a file of a store to this machine: it is there whole, or not at all. See ``transfer``."""
    here, name = _local(file)
    return transfer(store, path, here, name, overwrite=overwrite, verify=verify)


def content_hash(store: Store, path: str, *, etag: str | None = None) -> str:
    """``sha256:hexadecimal`` of a file, by reading it."""
    digest = hashlib.sha256()
    for part in store.chunks(path, etag=etag):
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _local(file: str | Path) -> tuple[Store, str]:
    from portl.stores._local import LocalDriver

    path = Path(file).expanduser().absolute()
    return Store(LocalDriver(path.parent)), path.name


def _already(src_store: Store, src: str, entry: Entry, dst_store: Store, dst: str) -> Written | None:
    there = dst_store.stat(dst, missing_ok=True)
    if there is None or there.kind == "folder" or there.size != entry.size:
        return None
    digest = content_hash(src_store, src, etag=entry.etag)
    if content_hash(dst_store, dst, etag=there.etag) != digest:
        return None
    return Written(dst, there.size, digest, there.etag, there.version)


def _on_server(mode: Mode, src_store: Store, dst_store: Store, dst: str) -> bool:
    same = src_store.driver.place == dst_store.driver.place and type(src_store.driver) is type(dst_store.driver)
    can = same and dst_store.supports("server_copy")
    if mode == "server" and not can:
        dst_store.demand("server_copy", "copy", dst)
        text = f"{src_store.name} and {dst_store.name} are not one place"
        from portl.errors import NotSupported

        raise NotSupported(text, capability="server_copy", hint="use mode auto or stream", path=dst, store=dst_store.name)
    return can and mode != "stream"


def _server(
    src_store: Store,
    src: str,
    entry: Entry,
    dst_store: Store,
    dst: str,
    *,
    overwrite: bool,
    verify: Verify,
    progress: OnProgress | None,
) -> Written:
    told = Told("copy", src, entry.size, progress)
    how = How(overwrite, None, entry.content_type, entry.metadata)
    made = dst_store.copied(src_store, src, dst, how, entry.etag)
    if made.size != entry.size:
        raise _mismatch(dst_store, dst, f"{dst} has {made.size:,} bytes, and {src} has {entry.size:,}")
    checksum = made.checksum
    if verify == "full":
        checksum = content_hash(src_store, src, etag=entry.etag)
        _same(dst_store, dst, checksum)
    told.more(entry.size)
    told.end()
    return Written(dst, made.size, checksum, made.etag, made.version)


def _stream(
    src_store: Store,
    src: str,
    entry: Entry,
    dst_store: Store,
    dst: str,
    *,
    overwrite: bool,
    verify: Verify,
    progress: OnProgress | None,
) -> Written:
    parts = _ahead(src_store.chunks(src, etag=entry.etag))
    beside = {"content_type": entry.content_type, "metadata": entry.metadata} if dst_store.supports("metadata") else {}
    told = Told("copy", src, entry.size, progress)
    expected = entry.checksum if (entry.checksum or "").startswith("sha256:") else None
    with dst_store.writer(dst, overwrite=overwrite, checksum=expected, **beside) as writing:  # type: ignore[arg-type]
        for part in parts:
            writing.write(part)
            told.more(len(part))
        if writing.size != entry.size:
            raise said(Changed, src, src_store.name, "transfer", None)
    told.end()
    _verify(writing.written, dst_store, dst, verify, told_by_store=writing.compared)
    return writing.written


def _verify(written: Written, store: Store, path: str, verify: Verify, *, told_by_store: bool) -> None:
    if verify == "full" or (verify == "checksum" and not told_by_store):
        _same(store, path, str(written.checksum))


def _same(store: Store, path: str, sent: str) -> None:
    """Reads back what was written."""
    there = content_hash(store, path)
    if there != sent:
        raise _mismatch(store, path, f"{path} has {there}, and {sent} was sent")


def _mismatch(store: Store, path: str, text: str) -> ChecksumMismatch:
    with suppress(StoreError):  # what is wrong must not stay, and why it is wrong is what is told
        store.delete(path)
    hint = "do it again; the source is kept"
    return ChecksumMismatch(text, hint=hint, path=path, store=store.name, operation="transfer")


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
