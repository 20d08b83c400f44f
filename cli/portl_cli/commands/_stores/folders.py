"""What is in a folder, and what is left of one when its files are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from portl.errors import FolderNotEmpty, InvalidPath, NotFound
from portl.stores import Entry, File, Store, found_files, is_pattern, parse_address, told_of
from portl_cli.commands._stores.sources import Sources, be_there, folder_at, written_as_folder

At = Callable[[str], File]


def entries(at: At, address: str, *, recursive: bool) -> Iterator[tuple[str, Entry]]:
    """What an address shows, each with its own address: a file, what fits a pattern, or what is in a folder.

    Raises:
        NotFound: nothing is there, or fits.
    """
    found = _fitting(at, address) if is_pattern(address) else _inside(at, address, recursive=recursive)
    first = next(found, None)
    if first is None:
        be_there(at, address)
        return
    yield first
    yield from found


def drop_empty_folders(at: At, sources: Sources) -> None:
    """Removes the folders that were named, and those in them, as far as nothing is left in them; never a store's own."""
    for address in sources.folders:
        base = folder_at(at, address)
        if base.store.supports("folders"):
            with told_of(base):
                _drop(base.store, base.path)
            _drop_itself(at, address, base)


def _fitting(at: At, address: str) -> Iterator[tuple[str, Entry]]:
    return ((found.address, found.entry) for found in found_files(at, address))


def _inside(at: At, address: str, *, recursive: bool) -> Iterator[tuple[str, Entry]]:
    if not written_as_folder(address):
        file = at(address)
        with told_of(file):
            entry = file.store.stat(file.path, missing_ok=True)
        if entry is not None and entry.kind == "file":
            yield address, entry
            return
    base = folder_at(at, address)
    with told_of(base):
        for entry in base.store.list(base.path, recursive=recursive):
            yield base.address + entry.path[len(base.path) + 1 if base.path else 0 :], entry


def _drop(store: Store, path: str) -> None:
    for entry in [*store.list(path)]:
        if entry.kind == "folder":
            _drop(store, entry.path)
    if path:
        with suppress(FolderNotEmpty, NotFound, InvalidPath):
            store.delete_folder(path)


def _drop_itself(at: At, address: str, base: File) -> None:
    """A folder of this machine is a store of its own, and goes as what its parent holds; not the one that is worked in."""
    if base.path or parse_address(address).store or address.rstrip("/").rpartition("/")[2] in ("", ".", ".."):
        return
    file = at(address)
    with told_of(file), suppress(FolderNotEmpty, NotFound, InvalidPath):
        file.store.delete_folder(file.path)
