"""Whether a store can be used: reached, read, and written, and if not, why."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from portl.errors import ChecksumMismatch, NotFound, PermissionDenied, SetupError, StoreError
from portl.stores import NO_RETRY, Store, demand_root, open_store
from portl.values import redact
from portl_cli.commands._stores.opened import Stores

PROBE = ".portl-check-"
"""The beginning of the names of files that are written to see whether it can be done."""
LOOKED_AT = 1_000
"""How many entries are looked through for a file to read."""


@dataclass(slots=True)
class Checked:
    """A store, and what could be done with it; None: it was not tried. ``seconds`` in all; ``wrong``: one line each."""

    store: str
    type: str
    where: str | None = None
    reachable: bool | None = None
    readable: bool | None = None
    writable: bool | None = None
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """``lake  s3://lake-raw  reachable, readable, writable  0.12 s``, and under it what is wrong."""
        words = {"reachable": self.reachable, "readable": self.readable, "writable": self.writable}
        said = ", ".join(word if found else f"not {word}" for word, found in words.items() if found is not None)
        first = f"{self.store}  {self.where or self.type}  {said or 'not opened'}  {self.seconds:.2f} s"
        return [redact(first), *(f"  {each}" for each in self.wrong)]


def check_store(stores: Stores, name: str, *, write: bool) -> Checked:
    """Opens a store and tries it, each call once; what it writes it removes."""
    began = time.monotonic()
    checked = Checked(name, str(stores.specs[name]["type"]))
    try:
        spec = stores.connections.spec(name)
        with open_store(spec, retry=NO_RETRY) as store:
            checked.where = store.name
            _try_all(checked, store, write=write)
    except (StoreError, SetupError) as problem:
        checked.wrong.append(_line(problem))
    checked.seconds = time.monotonic() - began
    return checked


def _try_all(checked: Checked, store: Store, *, write: bool) -> None:
    first: list[str] = []
    listing = _failure(lambda: first.extend(_a_file(store)))
    checked.reachable = listing is None or isinstance(listing, (PermissionDenied, NotFound))
    reading = listing or _failure(lambda: _read(store, first))
    if checked.reachable:
        checked.readable = reading is None
    writing = None
    if write and checked.reachable and not isinstance(listing, NotFound):  # a write would make the folder that is missing
        writing = _failure(lambda: _write(store))
        checked.writable = writing is None
    checked.wrong += [_line(problem) for problem in _different(reading, writing)]


def _failure(attempt: Callable[[], object]) -> StoreError | None:
    try:
        attempt()
    except StoreError as problem:
        return problem
    return None


def _different(one: StoreError | None, other: StoreError | None) -> list[StoreError]:
    """Those that there are; what has one cause, such as a wrong password, is told once."""
    if one and other and one.__cause__ and (type(one), str(one.__cause__)) == (type(other), str(other.__cause__)):
        return [one]
    return [problem for problem in (one, other) if problem]


def _a_file(store: Store) -> list[str]:
    """The first file of the store, or nothing.

    Raises:
        NotFound: the folder that the store begins in is not there.
    """
    entries = islice(store.list("", recursive=True), LOOKED_AT)
    found = next((entry.path for entry in entries if entry.kind == "file"), None)
    if found is None:
        demand_root(store)
    return [] if found is None else [found]


def _read(store: Store, paths: list[str]) -> None:
    for path in paths:
        store.read_range(path, 0, 1)


def _write(store: Store) -> None:
    path, content = f"{PROBE}{secrets.token_hex(8)}", secrets.token_bytes(32)
    try:
        store.write(path, content, overwrite=not store.supports("create"))
        same = store.read(path) == content
    except StoreError:
        store.delete_many([path])  # it may be there all the same; why it failed is what is told
        raise
    store.delete(path)
    if not same:
        text, hint = "what was written is not what was read", "does another program change files there?"
        raise ChecksumMismatch(text, hint=hint, path=path, store=store.name, operation="check")


def _line(problem: StoreError | SetupError) -> str:
    """What is wrong, on one line, without secrets."""
    said = " ".join(problem.message.split())
    return str(redact(f"{problem.code} {said}" + (f"; {problem.hint}" if problem.hint else "")))
