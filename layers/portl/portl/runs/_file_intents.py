"""What a step is about to do with files of stores. ``told()`` is its part of an intent's document: its kind and fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from portl.stores import Overwrite, Verify
from portl.values import Unknown

Told = tuple[str, dict[str, Any]]
Address = str | Unknown


@dataclass(frozen=True, slots=True)
class ListFiles:
    """The files of a pattern or a folder are put into the run as rows."""

    path: Address
    recursive: bool = False

    def told(self) -> Told:
        """See the module."""
        return "list", {"path": self.path, "recursive": self.recursive}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file is copied. ``moves``: the source is removed when its copy has been compared."""

    overwrite: Overwrite = "fail"
    verify: Verify = "checksum"
    moves: bool = False

    def told(self) -> dict[str, Any]:
        """What of it stands in a document."""
        return {"overwrite": self.overwrite, "verify": self.verify}

    @property
    def verb(self) -> Literal["copy", "move"]:
        """What it is called."""
        return "move" if self.moves else "copy"


@dataclass(frozen=True, slots=True)
class Pin:
    """Which content under an address is meant, where the step says it. The address is then one file's, its key as it stands.

    ``version`` is read though another one is there now; with an ``etag`` another content is an error.
    """

    version: Address | None = None
    etag: Address | None = None

    def told(self) -> dict[str, Any]:
        """What of it stands in a document."""
        return {name: value for name in ("version", "etag") if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class CopyFile:
    """One file is copied, or moved."""

    source: Address
    target: Address
    manner: Manner
    pin: Pin | None = None

    def told(self) -> Told:
        """See the module."""
        pinned = self.pin.told() if self.pin else {}
        return self.manner.verb, {"from": self.source, "to": self.target, **pinned, **self.manner.told()}


@dataclass(frozen=True, slots=True)
class CopyFiles:
    """The files of a pattern are copied, or moved. ``pairs`` are their addresses and targets, once the files are known."""

    source: str
    target: Address
    """The target of every file, as far as it is known without one."""
    manner: Manner
    each: Callable[[Mapping[str, Any]], Address] = field(compare=False)
    """The target of one file, given its record as ``store.list`` makes it."""
    parallel: int = field(default=4, compare=False)
    pairs: tuple[tuple[str, Address], ...] | Unknown = field(default=(), compare=False)

    def told(self) -> Told:
        """See the module."""
        pairs = self.pairs
        files = pairs if isinstance(pairs, Unknown) else [{"from": one, "to": other} for one, other in pairs]
        return self.manner.verb, {"from": self.source, "files": files, **self.manner.told()}


@dataclass(frozen=True, slots=True)
class DeleteFiles:
    """A file, the files of a pattern, or a folder (``recursive``: with what is in it) are removed.

    ``literal``: the address is one file's or folder's, whatever characters it has. ``paths`` are the files of a pattern, once
    known.
    """

    path: Address
    recursive: bool = False
    missing_ok: bool = True
    literal: bool = False
    paths: tuple[str, ...] | Unknown | None = field(default=None, compare=False)

    def told(self) -> Told:
        """See the module."""
        files = {} if self.paths is None else {"files": self.paths}
        return "delete", {"path": self.path, "recursive": self.recursive, "missing_ok": self.missing_ok, **files}


@dataclass(frozen=True, slots=True)
class LookAt:
    """Whether something is under an address, and what."""

    path: Address

    def told(self) -> Told:
        """See the module."""
        return "look", {"path": self.path}


@dataclass(frozen=True, slots=True)
class SignFile:
    """An address that needs no credentials is made for a file."""

    path: Address
    method: Literal["GET", "PUT"]
    expires_s: int

    def told(self) -> Told:
        """See the module."""
        return "sign", {"path": self.path, "method": self.method, "expires_s": self.expires_s}


@dataclass(frozen=True, slots=True)
class AwaitFiles:
    """A file, or any of a pattern, is waited for until it is there and has been the same for ``stable_s`` seconds."""

    path: Address
    stable_s: float
    timeout_s: float
    every_s: float

    def told(self) -> Told:
        """See the module."""
        return "wait", {"path": self.path, "stable_s": self.stable_s, "timeout_s": self.timeout_s, "every_s": self.every_s}


FileIntent = ListFiles | CopyFile | CopyFiles | DeleteFiles | LookAt | SignFile | AwaitFiles
