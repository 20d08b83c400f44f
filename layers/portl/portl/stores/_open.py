"""Opening a store: by what a connection says, or by an address."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from portl.errors import ConfigError, InvalidPath
from portl.stores._entries import Written
from portl.stores._local import LocalDriver
from portl.stores._retry import RetryPolicy
from portl.stores._saying import said
from portl.stores._store import OnCall, Store
from portl.stores._transfer import Verify, transfer


def open_store(
    root: str | Path,
    *,
    durable: bool = True,
    retry: RetryPolicy | None = None,
    remaining: Callable[[], float] | None = None,
    on_call: OnCall | None = None,
) -> Store:
    """The store at a folder; no call is made. ``durable``: what is written outlasts a power cut.

    Raises:
        ConfigError: the kind of store is not in this version.
    """
    if "://" in str(root):
        text = f"{root} cannot be opened: only folders can be, so far"
        raise ConfigError(text, hint="use a local folder", store=str(root), operation="open_store")
    return Store(LocalDriver(root, durable=durable), retry=retry, remaining=remaining, on_call=on_call)


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


def open_input(path: str, base: Path | None = None) -> io.BufferedReader:
    """A file of the user's, absolute or from ``base`` (the working folder when not told), opened for reading.

    Raises:
        NotFound, InvalidPath, PermissionDenied, IsFolder, StoreError.
    """
    if not path:
        raise InvalidPath("the path is empty", hint="name a file")
    try:
        return (base or Path()).joinpath(path).open("rb")
    except (OSError, ValueError) as problem:
        raise _input_error(path, problem) from problem


def checksum(path: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal. Raises as open_input does."""
    with open_input(path) as stream:
        try:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as problem:
            raise _input_error(path, problem) from problem


def _input_error(path: str, problem: Exception) -> Exception:
    kind = LocalDriver("/").classify(problem)
    return problem if kind is None else said(kind, path, "", "open", problem)
