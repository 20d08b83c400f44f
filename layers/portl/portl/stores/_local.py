"""A folder on disk as a store. No link is followed below its root, not even one put there between a look and the use."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from portl.errors import (
    AlreadyExists,
    Changed,
    FolderNotEmpty,
    InvalidPath,
    IsFolder,
    NotAFolder,
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreFull,
    StoreTimeout,
    Unavailable,
)
from portl.stores._driver import Driver, put_by
from portl.stores._entries import Capability, Entry, How, Span

UNFINISHED = ".writing-"
"""The beginning of the names of files that are not finished; a listing leaves them out."""
READ_BYTES = PART_BYTES = 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MEANING: dict[int, type[StoreError]] = {
    errno.ENOENT: NotFound,
    errno.EEXIST: AlreadyExists,
    errno.EISDIR: IsFolder,
    errno.ENOTDIR: NotAFolder,
    errno.ENOTEMPTY: FolderNotEmpty,
    errno.ELOOP: InvalidPath,
    errno.ENAMETOOLONG: InvalidPath,
    errno.EILSEQ: InvalidPath,
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EROFS: PermissionDenied,
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EFBIG: StoreFull,
    errno.ETIMEDOUT: StoreTimeout,
    errno.EIO: Unavailable,
    errno.ESTALE: Unavailable,
}


class LocalDriver:
    """``root`` need not be there before the first write. ``durable``: what is written outlasts a power cut."""

    capabilities: frozenset[Capability] = frozenset({"create", "replace", "if_match", "folders", "server_copy"})
    part_bytes = PART_BYTES
    hashes: tuple[str, ...] = ()

    def __init__(self, root: str | Path, *, durable: bool = True) -> None:
        self._root = Path(root).expanduser().resolve()
        self._durable = durable
        self.name = str(self._root)
        self.place = "local"

    def head(self, key: str, version: str | None) -> Entry:  # noqa: ARG002 - see Driver
        """See Driver."""
        with self._folder(key) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return _entry(key, found)

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        """See Driver. A file that is replaced meanwhile is read as it was; one that is changed in place is ``Changed``."""
        with self._folder(key) as (folder, name):
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
        try:
            entry = _opened(key, handle, span)
        except BaseException:
            os.close(handle)
            raise
        return entry, _bytes(handle, entry, span.start, entry.size if span.end is None else min(span.end, entry.size))

    def put(self, key: str, data: bytes, how: How) -> Entry:
        """See Driver."""
        return put_by(self.begin(key, how), data)

    def begin(self, key: str, how: How) -> _File:
        """See Driver. Written beside its target, so that showing it is a rename."""
        folder, name = self._open(key, make=True)
        try:
            _no_folder_there(folder, name)
            part = f"{UNFINISHED}{secrets.token_hex(8)}"
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
        except BaseException:
            os.close(folder)
            raise
        return _File(key, how, folder, name, part, handle, durable=self._durable)

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        """See Driver."""
        try:
            folder = self._walk(prefix.rstrip("/").split("/") if prefix else [], make=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        yield from _listed(folder, prefix, start_after, deep=deep)

    def delete(self, key: str, etag: str | None) -> None:
        """See Driver."""
        with self._folder(key) as (folder, name):
            _no_folder_there(folder, name)  # macOS says EPERM, Linux EISDIR
            if etag is not None and _entry(key, os.stat(name, dir_fd=folder, follow_symlinks=False)).etag != etag:
                raise Changed("")
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, key: str) -> None:
        """See Driver: the folder, and the empty ones in it."""
        if not key:
            return
        with suppress(FileNotFoundError), self._folder(key) as (folder, name):
            inner = os.open(name, _FOLDER, dir_fd=folder)
            _prune(inner)
            os.rmdir(name, dir_fd=folder)

    def copy(self, origin: Driver, source: str, target: str, how: How, etag: str | None) -> Entry:
        """See Driver."""
        _, parts = origin.get(source, Span(etag=etag))
        upload = self.begin(target, how)
        try:
            for part in parts:
                upload.part(part)
            return upload.commit()
        except BaseException:
            upload.abort()
            raise

    def rename(self, source: str, target: str, how: How) -> bool:
        """See Driver."""
        with self._folder(source) as (old, name):
            _no_folder_there(old, name)
            new, other = self._open(target, make=True)
            try:
                if how.overwrite:
                    os.replace(name, other, src_dir_fd=old, dst_dir_fd=new)
                    _let_go(old, name, new, other)
                else:  # a link, unlike a rename, refuses to take the place of what is there
                    os.link(name, other, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
                    os.unlink(name, dir_fd=old)
            except OSError as problem:
                if problem.errno != errno.EXDEV:
                    raise
                return False
            finally:
                os.close(new)
        return True

    def sign(self, key: str, method: str, until: datetime) -> str:  # noqa: ARG002 - see Driver
        """See Driver."""
        raise NotSupported(f"{key} on a disk has no address to sign", capability="sign")

    def classify(self, problem: Exception) -> type[StoreError] | None:
        """See Driver."""
        if isinstance(problem, UnicodeError) or (isinstance(problem, ValueError) and "null byte" in str(problem)):
            return InvalidPath
        if isinstance(problem, OSError):
            return _MEANING.get(problem.errno or 0, StoreError)
        return None

    def close(self) -> None:
        """See Driver: nothing is held."""

    @contextmanager
    def _folder(self, key: str) -> Iterator[tuple[int, str]]:
        folder, name = self._open(key, make=False)
        try:
            yield folder, name
        finally:
            os.close(folder)

    def _open(self, key: str, *, make: bool) -> tuple[int, str]:
        """The folder a key's last part stands in, opened, and that part."""
        *folders, name = key.split("/")
        return self._walk(folders, make=make), name

    def _walk(self, folders: Sequence[str], *, make: bool) -> int:
        """Opens one folder after the other from the root, each inside the one before, so that no link is ever followed."""
        if make:
            self._root.mkdir(parents=True, exist_ok=True)
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in folders:
            try:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=at)
                inner = os.open(name, _FOLDER, dir_fd=at)
            except NotADirectoryError as problem:
                raise _no_folder(problem, name, at, make=make) from None
            finally:
                os.close(at)
            at = inner
        return at


@dataclass(slots=True)
class _File:
    """A file that is being written beside its place."""

    key: str
    how: How
    folder: int
    name: str
    unfinished: str
    handle: int
    durable: bool
    size: int = 0
    part_bytes: int = PART_BYTES

    def part(self, data: bytes) -> None:
        """See Upload."""
        left, at = memoryview(data), self.size
        while left:
            written = os.pwrite(self.handle, left, at)
            left, at = left[written:], at + written
        self.size = at

    def commit(self) -> Entry:
        """See Upload."""
        if self.durable:
            os.fsync(self.handle)
        entry = _entry(self.key, os.fstat(self.handle))
        self._show()
        if self.durable:
            os.fsync(self.folder)
        self._close()
        return entry

    def abort(self) -> None:
        """See Upload."""
        if self.handle < 0:
            return
        with suppress(FileNotFoundError):
            os.unlink(self.unfinished, dir_fd=self.folder)
        self._close()

    def _show(self) -> None:
        if self.how.if_match is not None:
            self._compare(self.how.if_match)
        if self.how.overwrite:
            os.replace(self.unfinished, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
            return
        os.link(self.unfinished, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False)
        os.unlink(self.unfinished, dir_fd=self.folder)

    def _compare(self, etag: str) -> None:
        """Only while the lock is held does nobody else of Portl come between the look and the rename."""
        import fcntl

        fcntl.flock(self.folder, fcntl.LOCK_EX)
        try:
            found = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            raise Changed("") from None
        if _entry(self.key, found).etag != etag:
            raise Changed("")

    def _close(self) -> None:
        os.close(self.handle)
        os.close(self.folder)
        self.handle = -1


def _entry(key: str, found: os.stat_result) -> Entry:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "a link is not followed", key)
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    if stat.S_ISDIR(found.st_mode):
        return Entry(key, "folder", modified=modified)
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(errno.ENOENT, "neither a file nor a folder", key)
    etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    return Entry(key, size=found.st_size, modified=modified, etag=etag)


def _opened(key: str, handle: int, span: Span) -> Entry:
    entry = _entry(key, os.fstat(handle))
    if entry.kind == "folder":
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), key)
    if span.etag is not None and entry.etag != span.etag:
        raise Changed("")
    return entry


def _bytes(handle: int, entry: Entry, start: int, end: int) -> Iterator[bytes]:
    try:
        at = start
        while at < end:
            part = os.pread(handle, min(READ_BYTES, end - at), at)
            if not part or _entry(entry.path, os.fstat(handle)).etag != entry.etag:
                raise Changed("")
            at += len(part)
            yield part
    finally:
        os.close(handle)


def _listed(folder: int, prefix: str, start_after: str, *, deep: bool) -> Iterator[Entry]:
    """The entries of an opened folder, which it closes, in the order of their keys; a folder stands where its ``/`` does."""
    try:
        with os.scandir(folder) as found:
            inside = [each for each in found if not each.name.startswith(UNFINISHED) and not each.is_symlink()]
        after = os.fsencode(start_after)
        for key, each in sorted(((_key(prefix, each), each) for each in inside), key=lambda pair: pair[0]):
            is_folder = key.endswith(b"/")
            if key <= after and not (is_folder and deep and after.startswith(key)):
                continue
            with suppress(FileNotFoundError):  # what went away meanwhile is not listed
                if is_folder and deep:
                    yield from _listed(os.open(each.name, _FOLDER, dir_fd=folder), os.fsdecode(key), start_after, deep=True)
                elif is_folder or each.is_file(follow_symlinks=False):
                    yield _entry(os.fsdecode(key).rstrip("/"), os.stat(each.name, dir_fd=folder, follow_symlinks=False))
    finally:
        os.close(folder)


def _key(prefix: str, each: os.DirEntry[str]) -> bytes:
    return os.fsencode(prefix + each.name + ("/" if each.is_dir(follow_symlinks=False) else ""))


def _prune(folder: int) -> None:
    """Removes the empty folders inside an opened one, which it closes, and what writers that were killed have left."""
    try:
        with os.scandir(folder) as found:
            inner = {each.name: each.is_dir(follow_symlinks=False) for each in found}
        for name in (name for name, is_folder in inner.items() if not is_folder and name.startswith(UNFINISHED)):
            os.unlink(name, dir_fd=folder)
        for name in (name for name, is_folder in inner.items() if is_folder):
            _prune(os.open(name, _FOLDER, dir_fd=folder))
            os.rmdir(name, dir_fd=folder)
    finally:
        os.close(folder)


def _let_go(old: int, name: str, new: int, other: str) -> None:
    """Removes the first of two names of one file: a rename of one onto the other does nothing (POSIX, rename)."""
    with suppress(FileNotFoundError):
        one, two = (os.stat(at, dir_fd=folder, follow_symlinks=False) for at, folder in ((name, old), (other, new)))
        is_one_name = name.casefold() == other.casefold() and os.path.samestat(os.fstat(old), os.fstat(new))  # on macOS
        if one.st_nlink > 1 and os.path.samestat(one, two) and not is_one_name:
            os.unlink(name, dir_fd=old)


def _no_folder_there(folder: int, name: str) -> None:
    """Raises where a folder, or a link, stands in the place of a file."""
    with suppress(FileNotFoundError):
        if _entry(name, os.stat(name, dir_fd=folder, follow_symlinks=False)).kind == "folder":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)


def _no_folder(problem: OSError, name: str, folder: int, *, make: bool) -> OSError:
    """The error for a part of a path that is no folder: a link is told as one; below a file there is nothing to read."""
    with suppress(OSError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return OSError(errno.ELOOP, "a link is not followed", name)
    return problem if make else FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
