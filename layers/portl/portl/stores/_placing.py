"""A file put in its place beside what may be there already: what is done hangs on what is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from portl.errors import AlreadyExists, Changed, IsFolder, StoreError
from portl.stores._entries import Entry
from portl.stores._files import File
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
        if same_file(source, target):
            return Placed("unchanged", entry.size, entry.checksum)
        where = (source.store, source.path, target.store, target.path)
        found, made = carried(
            source, entry, target, overwrite, lambda over: transfer(*where, overwrite=over, verify=verify, etag=entry.etag)
        )
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
    entry = file.store.stat(file.path)
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
    one = content_hash(source.store, source.path, etag=entry.etag)
    return one if one == content_hash(target.store, target.path, etag=there.etag) else None


def same_file(one: File, other: File) -> bool:
    """Whether two files are one, though two stores may lead there: what is there must not be removed as its own copy."""
    if one.store.driver is other.store.driver:
        return one.store.key(one.path) == other.store.key(other.path)
    mine, theirs = one.store.driver, other.store.driver
    # what is behind the second blank of a place is a key: two keys may lead to one bucket
    same_place = mine.place.split(" ")[:2] == theirs.place.split(" ")[:2]
    if type(mine) is not type(theirs) or not same_place:
        return False
    return _whole(one) == _whole(other) or (mine.place.startswith("sftp ") and _alike(one, other))


def _alike(one: File, other: File) -> bool:
    """Whether a server says the same of two paths: its users, and a root spelled otherwise, lead to one file by several.

    Two files that were written in the same second are taken for one too: then the source is kept.
    """
    here, there = (file.store.stat(file.path, missing_ok=True) for file in (one, other))
    return here is not None and there is not None and (here.kind, here.size, here.etag) == (there.kind, there.size, there.etag)


def _whole(file: File) -> str:
    path = f"{file.store.driver.name.rstrip('/')}/{file.store.key(file.path)}"
    if file.store.driver.place == "local":
        folder, name = os.path.split(path)
        return str(Path(folder).resolve() / name)
    return path


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
