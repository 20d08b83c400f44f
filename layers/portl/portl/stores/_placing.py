"""A file put in its place beside what may be there already: what is done hangs on what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from portl.errors import AlreadyExists, Changed, IsFolder, StoreError
from portl.stores._entries import Entry, Written
from portl.stores._files import File
from portl.stores._same_file import same_file
from portl.stores._saying import said, said_of
from portl.stores._transfer import Verify, content_hash, transfer

Made = TypeVar("Made")
Overwrite = Literal["fail", "skip", "replace", "if_newer", "if_different"]
"""What becomes of a target that is there. Whatever is said, one with the same content counts as done."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done: ``copy`` (over what is there, when ``overwrite``), nothing (``skip``), or it is there (``same``)."""

    what: Literal["copy", "skip", "same"]
    overwrite: bool = False
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of it: ``size`` in bytes, ``checksum`` as ``algorithm:hexadecimal``."""

    action: Literal["copied", "skipped", "unchanged"]
    size: int
    checksum: str | None


def place(
    source: File, target: File, *, overwrite: Overwrite = "fail", verify: Verify = "checksum", etag: str | None = None
) -> Placed:
    """Copies a file to its place, whole or not at all; ``etag`` is what the source must have.

    Raises:
        AlreadyExists: another content is there, and ``fail`` was said.
        NotFound, IsFolder, Changed, ChecksumMismatch: as ``transfer``.
    """
    with told_of(source, target):
        entry = look(source, etag)
        if source.version is None and same_file(source, target):
            return Placed("unchanged", entry.size, entry.checksum)
        where, version = (source.store, source.path, target.store, target.path), source.version

        def carry(over: bool) -> Written:
            return transfer(*where, overwrite=over, verify=verify, etag=entry.etag, version=version)

        found, made = carried(source, entry, target, overwrite, carry)
        if made is None:
            return Placed("unchanged" if found.what == "same" else "skipped", entry.size, found.checksum)
        return Placed("copied", made.size, made.checksum)


def carried(
    source: File,
    entry: Entry,
    target: File,
    overwrite: Overwrite,
    carry: Callable[[bool], Made],
    *,
    content_counts: bool = False,
) -> tuple[Decision, Made | None]:
    """Decides, and carries the content where it is to go: ``carry`` is told whether over what is there, and says what it made.

    Where somebody else was quicker, what is there now decides anew. Raises as ``decide``, and what ``carry`` raises.
    """
    while True:
        found = decide(source, entry, target, overwrite, content_counts=content_counts)
        if found.what != "copy":
            return found, None
        try:
            return found, carry(found.overwrite)
        except AlreadyExists:
            if target.store.stat(target.path, missing_ok=True) is None:
                raise  # it is no file that stands in the way


def look(file: File, etag: str | None = None) -> Entry:
    """What a file is.

    Raises:
        NotFound, IsFolder; Changed: it has another ETag than ``etag``.
    """
    entry = file.store.stat(file.path, version=file.version)
    if entry is None or entry.kind == "folder":
        raise said_of_file(IsFolder, file, "stat")
    if etag is not None and entry.etag != etag:
        raise said_of_file(Changed, file, "stat")
    return entry


def decide(source: File, entry: Entry, target: File, overwrite: Overwrite, *, content_counts: bool = False) -> Decision:
    """What is to be done with a target; ``content_counts``: the same content is found out even where it is to be skipped.

    Raises:
        AlreadyExists: another content is there, and ``fail`` was said; IsFolder: a folder is.
    """
    if overwrite == "replace":
        return Decision("copy", overwrite=True)
    there = target.store.stat(target.path, missing_ok=True)
    if there is None:
        return Decision("copy")
    if there.kind == "folder":
        raise said_of_file(IsFolder, target, "copy")
    if overwrite in ("fail", "if_different") or content_counts:
        same = same_content(source, entry, target, there)
        if same:
            return Decision("same", checksum=same)
    if overwrite == "fail":
        raise said_of_file(AlreadyExists, target, "copy")
    if overwrite == "if_different" or (overwrite == "if_newer" and _is_newer(entry, there)):
        return Decision("copy", overwrite=True)
    return Decision("skip", checksum=there.checksum)


def same_content(source: File, entry: Entry, target: File, there: Entry) -> str | None:
    """The hash that both have, or None: sizes are compared, then what the stores tell, and only then what they hold."""
    if entry.size != there.size:
        return None
    one, other = entry.checksum, there.checksum
    if one and other and one.partition(":")[0] == other.partition(":")[0]:
        return one if one == other else None
    one = content_hash(source.store, source.path, etag=entry.etag, version=source.version)
    return one if one == content_hash(target.store, target.path, etag=there.etag) else None


def _is_newer(entry: Entry, there: Entry) -> bool:
    return entry.modified is None or there.modified is None or entry.modified > there.modified


def said_of_file(kind: type[StoreError], file: File, operation: str) -> StoreError:
    """The error of a kind about a file, by its address."""
    return said_of(said(kind, file.path, file.store.name, operation, None), file.address)


@contextmanager
def told_of(*files: File) -> Iterator[None]:
    """What goes wrong is told of the addresses by which the files were named."""
    try:
        yield
    except StoreError as problem:
        for file in files:
            if problem.path == file.path and problem.store in ("", file.store.name):
                raise said_of(problem, file.address) from problem.__cause__
        raise
