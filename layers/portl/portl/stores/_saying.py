"""What is said when a store fails: a sentence and a way out for each kind, the same for every store."""

from __future__ import annotations

import re

from portl.errors import (
    AlreadyExists,
    Changed,
    ChecksumMismatch,
    ConfigError,
    FolderNotEmpty,
    InvalidPath,
    IsFolder,
    NotAFolder,
    NotFound,
    PermissionDenied,
    StoreClosed,
    StoreError,
    StoreFull,
    StoreThrottled,
    StoreTimeout,
    Unavailable,
)
from portl.stores._retry import told
from portl.stores._service_words import in_words

SAID: dict[type[StoreError], tuple[str, str]] = {
    NotFound: ("{path} is not there", "check the path, and the store's root"),
    IsFolder: ("{path} is a folder", "name a file"),
    NotAFolder: ("{path}: a part of the path is a file", "choose another path"),
    InvalidPath: ("{path} is no path of the store", "a shorter one, without links"),
    PermissionDenied: ("{path} may not be touched", "check owner and mode, or what the credentials allow"),
    AlreadyExists: (
        "{path} is already there",
        "another path, or overwrite: replace (a command: --overwrite replace)",
    ),
    FolderNotEmpty: ("{path} is not empty", "say recursive to remove what is in it"),
    Changed: ("{path} has changed since it was looked at", "look at it again, and do it anew"),
    ChecksumMismatch: ("{path}: what arrived is not what was sent", "do it again; what was sent is kept"),
    ConfigError: ("the store cannot be opened", "check its connection"),
    StoreThrottled: ("the store asked to slow down", "fewer at once; it is tried again"),
    Unavailable: ("the store could not be reached, or failed", "is the address right, and the service up?"),
    StoreTimeout: ("the store did not answer in time", "is the service up? It is tried again"),
    StoreClosed: ("the store is closed", "open it again"),
    StoreFull: ("there is no room for {path}", "make room, or raise the quota"),
}


_QUERY = re.compile(r"\?[^\s\"'>]+")
"""What stands behind the ? of an address may be a signature."""
_WITH_CAUSE = (Unavailable, StoreTimeout, ConfigError, PermissionDenied, InvalidPath, StoreError)


def said(kind: type[StoreError], path: str, store: str, operation: str, problem: Exception | None) -> StoreError:
    """The error of a kind, with path, store and operation, and what the library said of it."""
    text, hint = _words(kind, path or store)
    if problem is not None and kind in _WITH_CAUSE:
        plain = in_words(problem, path, store)
        text, hint = plain or (f"{text}: {_cause(problem)}", hint)
    made = kind(text, hint=hint, path=path, store=store, operation=operation)
    made.retry_after = told(problem)
    return made


def filled(problem: StoreError, path: str, store: str, operation: str) -> StoreError:
    """An error that a driver has raised, with what only the kernel knows."""
    text, hint = _words(type(problem), path or store)
    problem.message, problem.hint = problem.message or text, problem.hint or hint
    problem.path, problem.store, problem.operation = path, store, operation
    problem.detail = {"path": path, "store": store, "operation": operation, **problem.detail}
    return problem


def said_of(problem: StoreError, address: str) -> StoreError:
    """The error with the address that the user wrote, where it said the path inside the store, or nothing."""
    said = problem.message
    whole = problem.path and said.startswith(problem.path)
    before = address if address.endswith(":") else f"{address}:"
    problem.message = address + said[len(problem.path) :] if whole else f"{before} {said}"
    problem.path = problem.detail["path"] = address
    return problem


def _words(kind: type[StoreError], what: str) -> tuple[str, str]:
    text, hint = SAID.get(kind, ("{path}: the store failed", "look at the cause"))
    return text.format(path=what), hint


def _cause(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    text = str(problem).partition("\n\nDebug source")[0].strip()  # of obstore: what follows is for its authors
    return _QUERY.sub("", text) or type(problem).__name__
