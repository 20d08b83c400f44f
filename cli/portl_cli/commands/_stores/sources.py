"""The files that the addresses of a command mean, and where each goes below a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from portl.errors import InvalidPath, NotFound
from portl.stores import (
    Entry,
    ExactKey,
    File,
    Store,
    demand_root,
    found_files,
    is_pattern,
    open_store,
    parse_address,
    plain_folder,
    told_of,
)

At = Callable[[str], File]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is there. ``below`` is its path in the folder or the pattern that found it, or its name."""

    file: File
    entry: Entry
    below: str

    @property
    def marks_folder(self) -> bool:
        """Whether it is an empty object that stands for a folder, as consoles of object stores make them."""
        return self.entry.size == 0 and self.file.path.endswith("/")


@dataclass(frozen=True, slots=True)
class Sources:
    """``files``, each once; ``folders`` that were named; ``spread``: they keep their places below a folder."""

    files: tuple[Source, ...]
    folders: tuple[str, ...]
    spread: bool

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(source.entry.size for source in self.files)


def find_sources(at: At, addresses: Iterable[str], *, recursive: bool | None, through_links: bool = True) -> Sources:
    """Every file that the addresses mean, in their order.

    Args:
        at: finds the file of an address.
        addresses: of files, patterns, and folders.
        recursive: folders may be named; None: they never may.
        through_links: without it a link of this machine is refused, for what is done is done to the file that it leads to.

    Raises:
        NotFound: nothing is there, or fits; UsageError: it is a folder, and ``recursive`` was not said.
    """
    found: dict[str, Source] = {}
    folders, spread = [], False
    for address in addresses:
        if not through_links:
            _refuse_link(address)
        alone = _alone(at, address)
        if alone is None and not is_pattern(address):
            if not recursive:
                way = "name files, or a pattern" if recursive is None else "say --recursive for what is in it"
                raise click.UsageError(f"{address} is a folder: {way}")
            folders.append(address)
        spread = spread or alone is None
        for source in [alone] if alone else _several(at, address):
            found.setdefault(f"{source.file.store.name}/{source.file.path}", source)
    return Sources(tuple(found.values()), tuple(folders), spread or len(found) > 1)


def look_at(at: At, address: str) -> Entry:
    """What is under an address; a folder also where a store has none but those that files are in.

    Raises:
        NotFound: nothing is there.
    """
    file = at(address)
    if not file.path.strip("/") and parse_address(address).store:
        with told_of(file):
            demand_root(file.store)
        return Entry("", "folder")
    try:
        with told_of(file):
            entry = file.store.stat(file.path.rstrip("/") if address.endswith("/") else file.path)
    except NotFound:
        if written_as_folder(address) and next(found_files(at, address, recursive=True), None) is None:
            raise
        if not is_folder(at, address):
            raise
        return Entry(file.path, "folder")
    return entry or Entry(file.path, "folder")


def be_there(at: At, address: str) -> None:
    """Raises NotFound where an empty answer means that nothing is there."""
    if is_pattern(address):
        hint = "* and ? stay inside a folder, ** goes through all; [[] means a [ of its own"
        raise NotFound(f"nothing fits {address}", hint=hint, path=address)
    file = at(address.rstrip("/") or address)
    named = parse_address(address)
    with told_of(file):
        if named.path.strip("/"):
            file.store.stat(file.path)
        elif named.store:  # one that holds nothing
            demand_root(file.store)


def is_folder(at: At, address: str) -> bool:
    """Whether an address means a folder: it is written as one, or one is there."""
    if written_as_folder(address):
        return True
    file = at(address)
    with told_of(file):
        entry = file.store.stat(file.path, missing_ok=True)
    if entry is not None:
        return entry.kind == "folder"
    if isinstance(file.path, ExactKey):
        return False
    with suppress(NotFound):
        return next(found_files(at, f"{address}/", recursive=True), None) is not None
    return False


def written_as_folder(address: str) -> bool:
    """Whether an address can only mean a folder: ``lake:``, ``lake:2026/``, ``s3://bucket``, ``out/``, ``..``."""
    path = parse_address(address).path
    return not path or path.endswith("/") or path.rpartition("/")[2] in (".", "..")


def folder_at(at: At, address: str) -> File:
    """A folder as a place to be below. Of this machine it is a store of its own, so that no link or name leads out of it."""
    named = parse_address(address)
    if named.store or named.bucket:
        file = at(address)
        return File(address if address.endswith(("/", ":")) else f"{address}/", file.store, named.path.rstrip("/"))
    return File(f"{address.rstrip('/')}/", open_store(Path(address).expanduser()), "")


def _alone(at: At, address: str) -> Source | None:
    """The one file of an address; None where it means a folder or a pattern. Raises NotFound."""
    if is_pattern(address) or is_folder(at, address):
        return None
    file = at(address)
    with told_of(file):
        entry = file.store.stat(file.path)
    if entry is None or entry.kind == "folder":
        raise NotFound(f"{address} is not there", hint="check the path, and the store's root", path=address)
    return Source(file, entry, file.path.rpartition("/")[2])


def _several(at: At, address: str) -> Iterator[Source]:
    folder, store = _listed_folder(at, address)
    count = 0
    for found in found_files(at, address, recursive=True):
        count += 1
        path = found.entry.path
        if store is None:
            yield Source(File(found.address, at(address).store, path), found.entry, path[len(folder) + 1 :] if folder else path)
        else:  # a name may look like ~ or like an address, so it is not read as one again
            yield Source(File(found.address, store, ExactKey(path)), found.entry, path)
    if count == 0:
        be_there(at, address)


def _listed_folder(at: At, address: str) -> tuple[str, Store | None]:
    """The folder in its store that is plain in an address; of this machine's files that folder is the store."""
    named = parse_address(address)
    path = named.path
    folder = plain_folder(path) if is_pattern(address) else path.rstrip("/")
    if named.store or named.bucket:
        return folder, None
    return "", at(f"{folder}/_" if folder or path.startswith("/") else "_").store


def _refuse_link(address: str) -> None:
    named = parse_address(address)
    if not named.store and not named.bucket and Path(address).expanduser().is_symlink():
        hint = "name the file that it leads to"
        raise InvalidPath(f"{address} is a link, and links are not removed", hint=hint, path=address)


def key_below(path: str, source: Source, target: File) -> str:
    """The path of a target, exact where the source's key is odd and the target's store can hold such."""
    odd = isinstance(source.entry.path, ExactKey) and target.store.supports("exact_keys")
    return ExactKey(path) if odd else path
