"""The files that an address means: those of a pattern, or those in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from portl.errors import NotFound, StoreError
from portl.stores._addresses import parse_address
from portl.stores._entries import Entry
from portl.stores._files import File
from portl.stores._globs import Pattern
from portl.stores._paths import ExactKey
from portl.stores._saying import said_of
from portl.stores._store import Store

_SPECIAL = re.compile(r"[*?\[{]")
At = Callable[[str], File]
"""Finds the file of an address, as ``Files.at``."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was found, and the address by which it can be asked for again."""

    address: str
    entry: Entry
    relative: str
    """Its path below the folder that was listed, or below the last folder that is plain in the pattern."""

    def record(self) -> dict[str, Any]:
        """``{path, name, stem, suffix, folder, relative, size, modified, etag, version}``.

        ``path`` is the address, ``folder`` the path of its folder without the store, ``modified`` as ISO 8601.
        """
        return {**name_parts(self.address), "relative": self.relative, **facts(self.entry)}


def name_parts(address: str, pattern: str | None = None) -> dict[str, str]:
    """What an address says by itself of a file: ``{path, name, stem, suffix, folder, relative}``, as a record of ``Found``.

    ``pattern`` is the one that it fits; ``relative`` is the name where there is none.
    """
    folder, _, name = _split(address)[1].rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    parts = {"stem": stem, "suffix": dot + suffix} if stem else {"stem": name, "suffix": ""}
    fixed = plain_folder(_split(pattern)[1]) if pattern else folder
    below = _split(address)[1][len(fixed) + 1 if fixed else 0 :]
    return {"path": address, "name": name, **parts, "folder": folder, "relative": below}


def facts(entry: Entry) -> dict[str, Any]:
    """What a store says of a file: ``{size, modified, etag, version}``."""
    modified = entry.modified.isoformat() if entry.modified else None
    return {"size": entry.size, "modified": modified, "etag": entry.etag, "version": entry.version}


def is_pattern(address: str) -> bool:
    """Whether an address means the files that fit it: it has one of ``* ? [ {``; ``[*]`` is a ``*`` of its own."""
    return _SPECIAL.search(_split(address)[1]) is not None


def found_files(at: At, address: str, *, recursive: bool = False) -> Iterator[Found]:
    """The files of a pattern, or of a folder, ordered by the bytes of their paths; nothing where there is no such folder.

    Raises:
        NotFound: the folder that a named store is, is not there; InvalidPath, ConfigError: it is no address, or there is no
            such store; StoreError: the store failed.
    """
    try:
        store, prefix, inside = _below(at, address)
        skipped = len(fixed) + 1 if (fixed := plain_folder(inside) if is_pattern(address) else inside) else 0
        entries = store.glob(inside) if is_pattern(address) else store.list(inside, recursive=recursive)
        empty = True
        for entry in entries:
            empty = False
            if entry.kind == "file":
                yield Found(_again(prefix, entry.path), entry, str(entry.path)[skipped:])
        if empty and parse_address(address).store:
            demand_root(store)
    except StoreError as problem:
        raise said_of(problem, address) from None


def demand_root(store: Store) -> None:
    """Raises NotFound where a store is a folder that is not there: a root that is misspelt is not an empty store."""
    if not store.supports("folders"):
        return
    try:
        store.stat(ExactKey("."))
    except NotFound as problem:
        hint = "make it, or look whether root is spelt right; the first write would make it too"
        raise NotFound(f"the folder {store.name} is not there", hint=hint, store=store.name, operation="list") from problem


def fits(pattern: str, address: str) -> bool:
    """Whether a pattern, itself an address, means the file of an address."""
    (ours, wanted), (theirs, path) = _split(pattern), _split(address)
    return ours == theirs and Pattern(wanted).fits(path)


def _split(address: str) -> tuple[str, str]:
    """What names the store, and the path in it; of a file of this machine nothing, and the whole path."""
    found = parse_address(address)
    if found.bucket:
        return f"s3://{found.bucket}/", found.path
    if found.store:
        return f"{found.store}:", found.path
    return "", address


def _again(prefix: str, path: str) -> str:
    """The address of a file that was found: a name that looks like something else is told apart by ``./``."""
    return f"./{path}" if not prefix and (path.startswith("~") or _split(path)[0]) else prefix + path


def plain_folder(pattern: str) -> str:
    """The last folder of a pattern's path that has no mark in it."""
    return _SPECIAL.split(pattern, maxsplit=1)[0].rpartition("/")[0]


def _below(at: At, address: str) -> tuple[Store, str, str]:
    """The store, what stands before its paths in an address, and the pattern or folder inside it.

    Of this machine's files the store is the last folder that is plain.
    """
    prefix, path = _split(address)
    if prefix:
        return at(address).store, prefix, path if is_pattern(address) else path.rstrip("/")
    plain = plain_folder(path) if is_pattern(address) else path.rstrip("/")
    root = f"{plain}/" if plain or path.startswith("/") else ""
    return at(f"{root}_").store, root, path[len(root) :] if is_pattern(address) else ""
