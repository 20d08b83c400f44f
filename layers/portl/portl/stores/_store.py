"""The kernel: every promise that a caller relies on, the same over every driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

from portl.errors import FolderNotEmpty, IsFolder, NotFound, NotSupported, StoreClosed, StoreError
from portl.stores._entries import Capability, Entry, How, Span, Written
from portl.stores._globs import Pattern
from portl.stores._paths import ExactKey, checked, folder
from portl.stores._reader import Reader, buffered
from portl.stores._retry import Attempts, RetryPolicy
from portl.stores._saying import filled, said

if TYPE_CHECKING:
    from portl.stores._driver import Driver
    from portl.stores._progress import OnProgress
    from portl.stores._writing import Writing

Answer = TypeVar("Answer")
OnCall = Callable[[Mapping[str, Any]], None]
"""Is told of every call: ``{store, operation, path, seconds, attempts, error}``; never of contents or queries."""


class Store:
    """A place for files under relative paths with ``/``.

    Every method may raise: InvalidPath (before anything is touched), NotFound, PermissionDenied, StoreThrottled, Unavailable,
    StoreTimeout, StoreClosed. What the store's library raises never comes through.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        retry: RetryPolicy | None = None,
        remaining: Callable[[], float] | None = None,
        on_call: OnCall | None = None,
        below: str = "",
    ) -> None:
        self.driver = driver
        self._retry = retry or RetryPolicy()
        self._remaining = remaining
        self._on_call = on_call
        self._below = below
        self._closed = False

    @property
    def name(self) -> str:
        """How the store is called, without secrets."""
        return f"{self.driver.name.rstrip('/')}/{self._below}".rstrip("/")

    def __repr__(self) -> str:
        return f"Store({self.name})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of connections; every later call raises StoreClosed. A store made by ``at`` closes nothing."""
        if not self._closed and not self._below:
            self.driver.close()
        self._closed = True

    def at(self, sub: str) -> Store:
        """The store of what is below a folder; it shares this one's connections."""
        below = self._below + folder(sub)
        return Store(self.driver, retry=self._retry, remaining=self._remaining, on_call=self._on_call, below=below)

    def supports(self, capability: Capability) -> bool:
        """Whether the store can do it."""
        return capability in self.driver.capabilities

    def demand(self, capability: Capability, operation: str, path: str = "") -> None:
        """Raises NotSupported, naming the capability, where it is lacking."""
        if not self.supports(capability):
            text = f"{self.name} cannot {operation}: it lacks {capability}"
            hint = f"docs/stores.md says which stores have {capability}"
            about = {"path": path, "store": self.name, "operation": operation}
            raise NotSupported(text, capability=capability, hint=hint, **about)

    def _versioned(self, version: str | None, operation: str, path: str) -> None:
        if version is not None:
            self.demand("versions", operation, path)

    def exact(self, key: str) -> ExactKey:
        """A raw key, as an event names it, to be used where a path is asked for."""
        self.demand("exact_keys", "exact", key)
        return ExactKey(key)

    # what is there

    def stat(self, path: str, *, missing_ok: bool = False, version: str | None = None) -> Entry | None:
        """What is under the path; None when nothing is and ``missing_ok``."""
        self._versioned(version, "stat", path)
        try:
            return self._relative(self._call("stat", path, lambda: self.driver.head(self.key(path), version)))
        except NotFound:
            if missing_ok:
                return None
            raise

    def exists(self, path: str) -> bool:
        """Whether a file or a folder is under the path."""
        return self.stat(path, missing_ok=True) is not None

    def check(self) -> None:
        """Looks whether the store can be reached and listed."""
        next(self.list(""), None)

    def list(
        self, path: str = "", *, recursive: bool = False, max_depth: int | None = None, start_after: str = ""
    ) -> Iterator[Entry]:
        """What is in a folder, ordered by the bytes of the paths, as it comes; nothing when there is no such folder.

        Recursive: all files below it, at most ``max_depth`` folders down (0: right in it). ``start_after`` is a path.
        """
        prefix = self._below + folder(path)
        after = self.key(start_after) if start_after else ""
        for entry in self._listed(path, prefix, after, deep=recursive):
            if max_depth is None or not recursive or entry.path[len(prefix) :].count("/") <= max_depth:
                yield self._relative(entry)

    def glob(self, pattern: str) -> Iterator[Entry]:
        """The files whose path fits: ``*`` and ``?`` inside a part, ``[..]``, ``{a,b}``, ``**`` over any number of parts."""
        wanted = Pattern(pattern)
        for entry in self.list(wanted.folder, recursive=wanted.deep):
            if entry.kind == "file" and wanted.fits(entry.path):
                yield entry

    # reading

    def open(self, path: str, *, etag: str | None = None, version: str | None = None) -> BinaryIO:
        """The content as a seekable stream that is read when it is needed, and that is one content from end to end.

        Raises:
            Changed: it is not the content of ``etag``, or is another one now than when it was opened.
        """
        entry = self._file(path, version)
        return buffered(Reader(self, path, entry, etag or entry.etag, version))

    def read(self, path: str, *, etag: str | None = None, version: str | None = None) -> bytes:
        """The whole content. Raises Changed as ``open``."""
        return b"".join(self.chunks(path, etag=etag, version=version))

    def read_range(
        self, path: str, start: int, length: int | None, *, etag: str | None = None, version: str | None = None
    ) -> bytes:
        """``length`` bytes from ``start`` (None: to the end), fewer where the file ends. Raises Changed as ``open``."""
        return b"".join(self.chunks(path, start, length, etag=etag, version=version))

    def chunks(
        self, path: str, start: int = 0, length: int | None = None, *, etag: str | None = None, version: str | None = None
    ) -> Iterator[bytes]:
        """The content as it comes. A connection that breaks is taken up again at the byte it reached."""
        self._versioned(version, "read", path)
        key, end = self.key(path), None if length is None else start + length
        at, attempts = start, self._attempts()
        while end is None or at < end:
            try:
                with self._saying("read", path):
                    entry, stream = self.driver.get(key, Span(at, end, etag, version))
                    etag = etag or entry.etag
                    for part in stream:
                        at += len(part)
                        attempts.advanced()
                        yield part
                    return
            except StoreError as problem:
                if not attempts.again(problem):
                    raise

    # writing

    def write(
        self,
        path: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        overwrite: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        checksum: str | None = None,
        progress: OnProgress | None = None,
    ) -> Written:
        """Puts a file, whole or not at all: readers see the old content or the new, and a write that fails leaves nothing.

        Args:
            path: where.
            data: the content, a stream of it, or its parts; when they fail, their error comes through.
            overwrite: without it, what is there stays; of any number of writers exactly one wins.
            if_match: only while what is there has this ETag; implies ``overwrite``.
            content_type: kept where the store supports ``metadata``.
            metadata: the same; text under names.
            checksum: ``sha256:hexadecimal`` of what the content must be.
            progress: is told how far it is, at most once a second.

        Raises:
            AlreadyExists, Changed, ChecksumMismatch, NotSupported, IsFolder, NotAFolder, StoreFull.
        """
        from portl.stores._writing import parts_of

        with self.writer(
            path,
            overwrite=overwrite,
            if_match=if_match,
            content_type=content_type,
            metadata=metadata,
            checksum=checksum,
            progress=progress,
        ) as writing:
            for part in parts_of(data):
                writing.write(part)
        return writing.written

    @contextmanager
    def writer(
        self,
        path: str,
        *,
        overwrite: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        checksum: str | None = None,
        progress: OnProgress | None = None,
    ) -> Iterator[Writing]:
        """A file to be written into; it is there after a clean exit, and after an error nothing is. See ``write``."""
        from portl.stores._progress import Told  # what only reads does without hashes and threads
        from portl.stores._writing import Writing

        key = self.key(path)
        how = How(overwrite or if_match is not None, if_match, content_type, metadata or {})
        for capability in how.needs:
            self.demand(capability, "write", path)
        told = Told("write", path, None, progress)
        writing = Writing(self.driver, path, key, how, checksum, told, self._calls("write", path))
        try:
            yield writing
            writing.commit()
        except BaseException:
            writing.abort()
            raise

    def delete(self, path: str, *, missing_ok: bool = False, if_match: str | None = None) -> None:
        """Removes a file; ``if_match``: only while it has this ETag, else it stays and Changed is raised.

        S3, Azure and memory compare and remove in one step, the others look directly before.
        """
        key = self.key(path)
        try:
            self._call("delete", path, lambda: self.driver.delete(key, if_match))
        except NotFound:
            if not missing_ok:
                raise

    def delete_many(self, paths: Iterable[str]) -> dict[str, StoreError]:
        """Removes files; answers those that could not be, with the reason. What is not there counts as removed."""
        failed = {}
        for path in paths:
            try:
                self.delete(path, missing_ok=True)
            except StoreError as problem:
                failed[path] = problem
        return failed

    def delete_folder(self, path: str, *, recursive: bool = False) -> int:
        """Removes a folder and answers how many files went with it.

        Raises:
            FolderNotEmpty: it holds something, and ``recursive`` was not said.
        """
        marker = folder(path)  # an object that consoles make for a folder that is empty
        if not recursive and any(entry.path != marker for entry in self.list(path)):
            text, hint = f"{path} is not empty", "say recursive to remove what is in it"
            raise FolderNotEmpty(text, hint=hint, path=path, store=self.name, operation="delete_folder")
        count = 0
        for entry in [*self.list(path, recursive=True)]:
            self.delete(entry.path, missing_ok=True)
            count += 1
        key = self._below + folder(path).removesuffix("/")
        try:
            self._call("delete_folder", path, lambda: self.driver.remove_folder(key))
        except FolderNotEmpty as problem:
            text = f"{path} holds what is no file, such as a link, or what has just come"
            hint = "look into it: only files and folders are removed"
            raise FolderNotEmpty(text, hint=hint, path=path, store=self.name, operation="delete_folder") from problem.__cause__
        return count

    def copy(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Copies a file inside the store, without passing through this machine where the store can."""
        from portl.stores._transfer import transfer

        transfer(self, source, self, target, overwrite=overwrite)
        return self._file(target, None)

    def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Moves a file: in one step where the store has one, else a copy that is compared before the source goes."""
        from portl.stores._transfer import transfer

        if self.key(source) == self.key(target):
            return self._file(source, None)
        if not self.rename(source, target, overwrite=overwrite):
            etag = self._file(source, None).etag
            transfer(self, source, self, target, overwrite=overwrite, etag=etag)
            self.delete(source, if_match=etag)
        return self._file(target, None)

    def rename(self, source: str, target: str, *, overwrite: bool = False) -> bool:
        """Moves a file in one step, or answers False where the store has no such step. Raises AlreadyExists."""
        one, other = self.key(source), self.key(target)
        return self._call("move", source, lambda: self.driver.rename(one, other, How(overwrite)), once=True)

    def sign(self, path: str, *, method: str = "GET", expires: timedelta = timedelta(hours=1)) -> str:
        """An address that reads (GET) or writes (PUT) the file without credentials, for a while. It is a secret."""
        self.demand("sign", "sign", path)
        until = datetime.now(UTC) + expires
        return self._call("sign", path, lambda: self.driver.sign(self.key(path), method, until))

    # what the parts of the kernel share

    def copied(self, origin: Store, source: str, target: str, how: How, etag: str | None) -> Entry:
        """A copy on the server, from a store of the same place to a path of this one."""
        key = self.key(target)
        made = self._call("copy", target, lambda: self.driver.copy(origin.driver, origin.key(source), key, how, etag))
        return self._relative(made)

    def key(self, path: str) -> str:
        """The driver's key of a path."""
        return path if isinstance(path, ExactKey) else self._below + checked(path)

    def _relative(self, entry: Entry) -> Entry:
        own = type(entry.path)(entry.path[len(self._below) :])  # an ExactKey stays one
        return replace(entry, path=own)

    def _file(self, path: str, version: str | None) -> Entry:
        entry = self.stat(path, version=version)
        if entry is None or entry.kind == "folder":
            raise said(IsFolder, path, self.name, "open", None)
        return entry

    def _listed(self, path: str, prefix: str, after: str, *, deep: bool) -> Iterator[Entry]:
        attempts = self._attempts()
        while True:
            try:
                with self._saying("list", path):
                    for entry in self.driver.list(prefix, deep=deep, start_after=after):
                        after = entry.path + ("/" if entry.kind == "folder" else "")
                        attempts.advanced()
                        yield entry
                    return
            except NotFound:
                return
            except StoreError as problem:
                if not attempts.again(problem):
                    raise

    def _attempts(self) -> Attempts:
        return Attempts(self._retry, self._remaining)

    def _calls(self, operation: str, path: str) -> Callable[[Callable[[], Any]], Any]:
        return lambda call: self._call(operation, path, call)

    def _call(self, operation: str, path: str, call: Callable[[], Answer], *, once: bool = False) -> Answer:
        attempts, began = self._attempts(), time.monotonic()
        while True:
            try:
                with self._saying(operation, path):
                    answer = call()
            except StoreError as problem:
                if once or not attempts.again(problem):
                    self._tell(operation, path, began, attempts.made, problem)
                    raise
            else:
                self._tell(operation, path, began, attempts.made, None)
                return answer

    def _tell(self, operation: str, path: str, began: float, attempts: int, problem: StoreError | None) -> None:
        if self._on_call is not None:
            error = type(problem).__name__ if problem else None
            about = {"store": self.name, "operation": operation, "path": path}
            self._on_call({**about, "seconds": time.monotonic() - began, "attempts": attempts, "error": error})

    @contextmanager
    def _saying(self, operation: str, path: str) -> Iterator[None]:
        """Tells what the driver's library raises in the words of the house."""
        if self._closed:
            raise said(StoreClosed, path, self.name, operation, None)
        try:
            yield
        except StoreError as problem:
            if not problem.store:
                filled(problem, path, self.name, operation)
            raise
        except Exception as problem:
            kind = self.driver.classify(problem)
            if kind is None:
                raise
            raise said(kind, path, self.name, operation, problem) from problem
