"""Whether two addresses lead to one file: what is there must never be removed as its own copy."""

from __future__ import annotations

import os
import secrets
import unicodedata
from pathlib import Path

from portl.stores._entries import Entry
from portl.stores._files import File
from portl.stores._local import UNFINISHED
from portl.stores._paths import ExactKey


def same_file(one: File, other: File, *, may_write: bool = True) -> bool:
    """Whether two files are one, though two stores, two names of a server, or a link may lead there.

    Where all that is told of two files in folders is the same, it puts an empty file beside ``other`` for a moment and looks
    whether it is beside ``one`` too: that tells whatever led there. Without ``may_write`` such two are taken for one.

    Raises:
        StoreError: a store failed, or ``other`` is where nothing may be written.
    """
    if one.store.driver is other.store.driver and one.store.key(one.path) == other.store.key(other.path):
        return True
    mine, theirs = one.store.driver.place.split(" "), other.store.driver.place.split(" ")
    is_one_kind = mine[0] == theirs[0]
    # what is behind the second blank of a place is a key: two keys may lead to one bucket
    if one.store.driver is not other.store.driver and mine[:2] == theirs[:2] and _whole(one) == _whole(other):
        return True
    if not (one.store.supports("folders") and other.store.supports("folders")):
        return is_one_kind and mine[:2] != theirs[:2] and _whole(one) == _whole(other) and _alike(one, other, with_etag=True)
    return _alike(one, other, with_etag=is_one_kind) and (not may_write or _is_link(other) or _is_beside(one, other))


def _alike(one: File, other: File, *, with_etag: bool) -> bool:
    """Whether the stores say the same of both, times to the second, for that is all that some servers tell."""
    here, there = (file.store.stat(file.path, missing_ok=True) for file in (one, other))
    if here is None or there is None or (with_etag and here.etag != there.etag):
        return False
    return (here.kind, here.size, _second(here)) == (there.kind, there.size, _second(there))


def _second(entry: Entry) -> int | None:
    return int(entry.modified.timestamp()) if entry.modified else None


def _is_link(file: File) -> bool:
    """Whether it is no file of its own: a listing leaves links out, which some servers follow."""
    folder = _folder(file)
    path = f"{folder}{_name(file)}"
    return all(entry.path != path or entry.kind != "file" for entry in file.store.list(folder))


def _is_beside(one: File, other: File) -> bool:
    """Whether both names are one, and their folders are: some places make no difference of case, or of how ö is composed."""
    if _folded(one) != _folded(other):
        return False
    probe = f"{UNFINISHED}{secrets.token_hex(8)}"
    there = ExactKey(f"{other.store.key('_')[:-1]}{_folder(other)}{probe}")
    other.store.write(there, b"", overwrite=not other.store.supports("create"))
    try:
        return one.store.exists(ExactKey(f"{one.store.key('_')[:-1]}{_folder(one)}{probe}"))
    finally:
        other.store.delete(there, missing_ok=True)


def _folded(file: File) -> str:
    return unicodedata.normalize("NFC", _name(file)).casefold()


def _folder(file: File) -> str:
    folder, slash, _ = file.path.rpartition("/")
    return folder + slash


def _name(file: File) -> str:
    return file.path.rpartition("/")[2]


def _whole(file: File) -> str:
    path = f"{file.store.driver.name.rstrip('/')}/{file.store.key(file.path)}"
    if file.store.driver.place == "local":
        folder, name = os.path.split(path)
        return str(Path(folder).resolve() / name)
    return path
