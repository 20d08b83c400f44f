"""A file of this machine into a store, and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from portl.stores._entries import Written
from portl.stores._open import open_store
from portl.stores._transfer import Verify, transfer

if TYPE_CHECKING:
    from portl.stores._store import Store


def upload(file: str | Path, store: Store, path: str, *, overwrite: bool = False, verify: Verify = "checksum") -> Written:
    """Copies a file of this machine into a store. See ``transfer``."""
    here, name = _beside(file)
    return transfer(here, name, store, path, overwrite=overwrite, verify=verify)


def download(store: Store, path: str, file: str | Path, *, overwrite: bool = False, verify: Verify = "checksum") -> Written:
    """Copies a file of a store to this machine: it is there whole, or not at all. See ``transfer``."""
    here, name = _beside(file)
    return transfer(store, path, here, name, overwrite=overwrite, verify=verify)


def _beside(file: str | Path) -> tuple[Store, str]:
    path = Path(file).expanduser().absolute()
    return open_store(path.parent), path.name
