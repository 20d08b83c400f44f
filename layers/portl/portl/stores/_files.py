"""Files by their address: of a named store, of a bucket, or of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from portl.errors import ConfigError, InvalidPath, IsFolder, StoreError
from portl.stores._addresses import parse_address
from portl.stores._entries import Entry
from portl.stores._open import open_store
from portl.stores._paths import ExactKey, wrong
from portl.stores._reader import Reader, buffered
from portl.stores._saying import said, said_of
from portl.stores._store import OnCall, Store


@dataclass(frozen=True, slots=True)
class File:
    """A file, or a pattern of files: ``path`` in a ``store``, and the ``address`` it was named by.

    With a ``version`` it is that one, whatever has been put under its path since.
    """

    address: str
    store: Store
    path: str
    version: str | None = None

    def open(self, *, etag: str | None = None, version: str | None = None) -> BinaryIO:
        """Its content, as ``Store.open``; what is wrong is told of the address."""
        try:
            return self.store.open(self.path, etag=etag, version=version or self.version)
        except StoreError as problem:
            raise said_of(problem, self.address) from None

    def entry(self) -> Entry:
        """What the store says of it.

        Raises:
            NotFound, IsFolder: told of the address.
        """
        try:
            found = self.store.stat(self.path, version=self.version)
            if found is None or found.kind == "folder":
                raise said(IsFolder, self.path, self.store.name, "open", None)
        except StoreError as problem:
            raise said_of(problem, self.address) from None
        return found

    def reading(self, entry: Entry) -> BinaryIO:
        """Its content as it was when ``entry`` was told: ``Changed`` where it is another one now."""
        return buffered(Reader(self.store, self.path, entry, entry.etag, self.version))

    def checksum(self, entry: Entry | None = None) -> str:
        """The SHA-256 of its content, in hexadecimal, of that of ``entry`` where one is told. Raises as ``open``."""
        with self.open() if entry is None else self.reading(entry) as stream:
            try:
                return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
            except StoreError as problem:
                raise said_of(problem, self.address) from None


class Files:
    """Finds the files of addresses. Buckets are opened once, with the keys of the environment or of the function's role."""

    def __init__(
        self,
        named: Callable[[str], Store] | None = None,
        names: Collection[str] = (),
        base: Path | None = None,
        on_call: OnCall | None = None,
    ) -> None:
        self._named, self._names, self._base, self._on_call = named, names, base, on_call
        self._buckets: dict[str, Store] = {}

    def at(self, address: str, *, version: str | None = None, exact: bool = False) -> File:
        """The file of an address; nothing is asked of its store yet.

        A key of ``s3://bucket/key`` that is no path, such as ``a//b``, is taken as it stands: lists tell such keys. ``exact``:
        an event told the address, so that this is true of every store that knows such keys, and of one that ends with ``/``.

        Raises:
            InvalidPath: it is no address; ConfigError: there is no store of that name.
        """
        found = parse_address(address)
        if not found.store and not found.bucket:
            path = self._local(address)
            return File(address, open_store(path.parent), ExactKey(path.name), version)
        store = self._store(found.store, address) if found.store else self._bucket(found.bucket)
        is_key = exact or (found.bucket and not found.path.endswith("/"))
        key = store.exact(found.path) if is_key and wrong(found.path) and store.supports("exact_keys") else found.path
        return File(address, store, key, version)

    def _bucket(self, name: str) -> Store:
        if name not in self._buckets:
            self._buckets[name] = open_store(f"s3://{name}", on_call=self._on_call)
        return self._buckets[name]

    def _local(self, address: str) -> Path:
        try:
            path = Path(address).expanduser() if address.startswith("~") else Path(address)  # ./~ is a file of that name
            return (self._base or Path()).joinpath(path).resolve()
        except (OSError, ValueError) as problem:
            raise _no_path(address, problem) from problem

    def close(self) -> None:
        """Lets go of the buckets; named stores are closed by who opened them."""
        while self._buckets:
            self._buckets.popitem()[1].close()

    def _store(self, name: str, address: str) -> Store:
        if name not in self._names or self._named is None:
            known = f"there are {', '.join(sorted(self._names))}" if self._names else "none is declared"
            hint = f"declare it under connections: {known}; a file of this machine is ./{address}"
            raise ConfigError(f'there is no store "{name}"', hint=hint, path=address, operation="open")
        return self._named(name)


def open_input(path: str, base: Path | None = None) -> BinaryIO:
    """A file of the user's, opened for reading: an address, or a path from ``base`` (the working folder when not told).

    Raises:
        NotFound, InvalidPath, PermissionDenied, IsFolder, StoreError.
    """
    return Files(base=base).at(path).open()


def _no_path(address: str, problem: Exception) -> StoreError:
    return InvalidPath(f"{address!r} is no path: {problem}", hint="name a file", path=address)
