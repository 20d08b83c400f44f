"""A folder of an SFTP server as a store, by paramiko, with what makes it fast: no delay on the socket, writes in a pipeline.

https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02, and OpenSSH's extensions to it:
https://github.com/openssh/openssh-portable/blob/master/PROTOCOL
"""

from __future__ import annotations

import errno
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portl.errors import (
    AlreadyExists,
    Changed,
    ConfigError,
    FolderNotEmpty,
    IsFolder,
    NotAFolder,
    NotFound,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreTimeout,
    Unavailable,
)
from portl.stores._driver import put_by
from portl.stores._entries import Capability, Entry, How, Span
from portl.stores._local import UNFINISHED
from portl.stores._sftp_session import Ahead, Pool, Pushing

if TYPE_CHECKING:
    from portl.stores._specs import SftpSpec

PART_BYTES = 4 * 1024 * 1024
_CAN: frozenset[Capability] = frozenset({"create", "replace", "folders"})
_EXTENDED = 200


class SftpDriver:
    """One folder of a server. Connections are opened when they are needed, at most ``max_connections``, and kept."""

    part_bytes = PART_BYTES
    hashes: tuple[str, ...] = ()

    def __init__(self, spec: SftpSpec) -> None:
        self._spec = spec
        self._root = spec.root.rstrip("/") or spec.root[:1]
        self.name = f"sftp://{spec.user}@{spec.host}:{spec.port}{'' if self._root.startswith('/') else '/~/'}{self._root}"
        self.place = f"sftp {' '.join(spec.host_key.split()[1:2]) or spec.host}"  # a server may have many names, and one key
        self._pool = Pool(spec)
        self._lacks: set[Capability] = set()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the server has not refused so far."""
        return _CAN - self._lacks

    def head(self, key: str, version: str | None) -> Entry:  # noqa: ARG002 - see Driver
        """See Driver."""
        with self._pool.session() as sftp:
            return _entry(key, sftp.stat(self._at(key)))

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        """See Driver. SFTP knows no ETag: time and size of the file stand for one, and are looked at again at the end."""
        session = self._pool.session()
        sftp = session.__enter__()
        try:
            file = _opened(sftp, self._at(key))
            entry = _entry(key, file.stat())
            if entry.kind == "folder":
                raise IsFolder("")  # noqa: TRY301 - the session is given back in one place
            if span.etag is not None and entry.etag != span.etag:
                raise Changed("")  # noqa: TRY301
        except BaseException as problem:
            session.__exit__(type(problem), problem, problem.__traceback__)
            raise
        return entry, self._bytes(session, file, entry, span)

    def put(self, key: str, data: bytes, how: How) -> Entry:
        """See Driver."""
        return put_by(self.begin(key, how), data)

    def begin(self, key: str, how: How) -> _File:
        """See Driver. Written beside its target, so that showing it is a rename."""
        folder, _, name = key.rpartition("/")
        with self._pool.session() as sftp:
            if _kind(sftp, self._at(key)) == "folder":
                raise IsFolder("")
            self._make(sftp, folder)
        unfinished = f"{folder}/{UNFINISHED}{secrets.token_hex(8)}".lstrip("/")
        return _File(self, key, how, self._at(unfinished), self._at(f"{folder}/{name}".lstrip("/")))

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        """See Driver."""
        try:
            with self._pool.session() as sftp:
                found = sftp.listdir_attr(self._at(prefix.rstrip("/")) or "/")
        except OSError as problem:
            if self.classify(problem) in (NotFound, NotAFolder) or problem.errno is None:
                return
            raise
        after = start_after.encode()
        for key, each in sorted(((_key(prefix, each), each) for each in found), key=lambda pair: pair[0]):
            is_folder = key.endswith(b"/")
            if each.filename.startswith(UNFINISHED) or (key <= after and not (is_folder and deep and after.startswith(key))):
                continue
            if is_folder and deep:
                yield from self.list(key.decode(), deep=True, start_after=start_after)
            elif is_folder or stat.S_ISREG(each.st_mode or 0):
                yield _entry(key.decode().rstrip("/"), each)

    def delete(self, key: str, etag: str | None) -> None:
        """See Driver."""
        with self._pool.session() as sftp:
            entry = _entry(key, sftp.stat(self._at(key)))
            if entry.kind == "folder":
                raise IsFolder("")
            if etag not in (None, entry.etag):
                raise Changed("")
            sftp.remove(self._at(key))

    def remove_folder(self, key: str) -> None:
        """See Driver: the folder, and the empty ones in it."""
        if not key:
            return
        with suppress(FileNotFoundError), self._pool.session() as sftp:
            self._prune(sftp, self._at(key))

    def copy(self, origin: Any, source: str, target: str, how: How, etag: str | None) -> Entry:  # noqa: ARG002 - see Driver
        """See Driver."""
        raise NotSupported(f"{target}: SFTP copies nothing by itself", capability="server_copy")

    def rename(self, source: str, target: str, how: How) -> bool:
        """See Driver."""
        with self._pool.session() as sftp:
            if _entry(source, sftp.stat(self._at(source))).kind == "folder":
                raise IsFolder("")
            self._make(sftp, target.rpartition("/")[0])
            self.show(sftp, self._at(source), self._at(target), how)
        return True

    def sign(self, key: str, method: str, until: datetime) -> str:  # noqa: ARG002 - see Driver
        """See Driver."""
        raise NotSupported(f"{key} on an SFTP server has no address to sign", capability="sign")

    def classify(self, problem: Exception) -> type[StoreError] | None:
        """See Driver."""
        from paramiko import ssh_exception

        if isinstance(problem, ssh_exception.BadHostKeyException):
            return ConfigError
        if isinstance(problem, ssh_exception.AuthenticationException):
            return PermissionDenied
        if isinstance(problem, TimeoutError):
            return StoreTimeout
        if isinstance(problem, (ssh_exception.SSHException, EOFError, ConnectionError, socket.gaierror)):
            return StoreTimeout if "timed out" in str(problem).lower() or "timeout" in str(problem).lower() else Unavailable
        if isinstance(problem, OSError):
            return _MEANING.get(problem.errno or 0, Unavailable if "closed" in str(problem).lower() else StoreError)
        return None

    def close(self) -> None:
        """See Driver."""
        self._pool.close()

    def session(self) -> Any:
        """A connection to work with, given back when the context ends."""
        return self._pool.session()

    def show(self, sftp: Any, unfinished: str, target: str, how: How) -> None:
        """Gives a finished file its name, on the condition it was written on."""
        if how.overwrite:
            _extended(sftp, "posix-rename@openssh.com", unfinished, target, "replace what is there in one step")
            return
        try:
            _extended(sftp, "hardlink@openssh.com", unfinished, target, "")
        except NotSupported:
            self._rename_refusing(sftp, unfinished, target)
        except OSError:
            if _kind(sftp, target):
                raise AlreadyExists("") from None
            raise
        else:
            sftp.remove(unfinished)

    def _rename_refusing(self, sftp: Any, unfinished: str, target: str) -> None:
        """The protocol's own rename, once it is known to refuse a name that is taken: not every server's does."""
        probe = [f"{unfinished}-{number}" for number in (1, 2)]
        for path in probe:
            sftp.open(path, "wb").close()
        try:
            sftp.rename(*probe)
        except OSError:
            refuses = True
        else:
            refuses = False
        for path in probe:
            with suppress(OSError):
                sftp.remove(path)
        if not refuses:
            self._lacks.add("create")
            text = f"{self.name} cannot create a file only where none is: its rename overwrites"
            raise NotSupported(text, capability="create", hint="say overwrite, or use a server of OpenSSH's kind")
        try:
            sftp.rename(unfinished, target)
        except OSError:
            if _kind(sftp, target):
                raise AlreadyExists("") from None
            raise

    def _at(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}" if self._root and key else self._root or key

    def _make(self, sftp: Any, folder: str) -> None:
        """Makes the folders of a path from the first that is missing."""
        missing = []
        while (path := self._at(folder)) and (kind := _kind(sftp, path)) != "folder":
            if kind:
                raise NotAFolder("")
            missing.append(path)
            folder = folder.rpartition("/")[0]
            if path == self._root:
                break
        for path in reversed(missing):
            try:
                sftp.mkdir(path)
            except OSError:
                if _kind(sftp, path) != "folder":  # somebody else may have made it
                    raise

    def _prune(self, sftp: Any, folder: str) -> None:
        for each in sftp.listdir_attr(folder):
            if stat.S_ISDIR(each.st_mode or 0):
                self._prune(sftp, f"{folder}/{each.filename}")
            elif each.filename.startswith(UNFINISHED):  # a writer that was killed has left it
                sftp.remove(f"{folder}/{each.filename}")
            else:
                raise FolderNotEmpty("")
        sftp.rmdir(folder)

    def _bytes(self, session: Any, file: Any, entry: Entry, span: Span) -> Iterator[bytes]:
        end = entry.size if span.end is None else min(span.end, entry.size)
        try:
            with file:
                yield from Ahead(file).parts(span.start, end)
                if _entry(entry.path, file.stat()).etag != entry.etag:
                    raise Changed("")  # noqa: TRY301 - the session is given back in one place
        except BaseException as problem:
            session.__exit__(type(problem), problem, problem.__traceback__)
            raise
        session.__exit__(None, None, None)


@dataclass(slots=True)
class _File:
    """A file that is being written beside its place, over a connection of its own."""

    driver: SftpDriver
    key: str
    how: How
    unfinished: str
    target: str
    size: int = 0
    part_bytes: int = PART_BYTES
    _session: Any = None
    _sftp: Any = None
    _file: Any = None

    def part(self, data: bytes) -> None:
        """See Upload. After a lost connection it goes on over another one, at the byte it reached."""
        try:
            Pushing(self._opened()).write(self.size, data)
        except BaseException as problem:
            self._leave(problem)
            raise
        self.size += len(data)

    def commit(self) -> Entry:
        """See Upload."""
        try:
            self._opened().close()
            self._file = None
            entry = _entry(self.key, self._sftp.stat(self.unfinished))
            if entry.size == self.size:
                self.driver.show(self._sftp, self.unfinished, self.target, self.how)
        except BaseException as problem:
            self._leave(problem)
            raise
        self._leave(None)
        return entry

    def abort(self) -> None:
        """See Upload."""
        self._leave(None)
        with suppress(FileNotFoundError), self.driver.session() as sftp:
            sftp.remove(self.unfinished)

    def _opened(self) -> Any:
        if self._file is None:
            self._session = self.driver.session()
            self._sftp = self._session.__enter__()
            self._file = self._sftp.open(self.unfinished, "r+b" if self.size else "wb")
        return self._file

    def _leave(self, problem: BaseException | None) -> None:
        session, self._session, file, self._file = self._session, None, self._file, None
        if file is not None:
            with suppress(Exception):
                file.close()
        if session is not None:
            session.__exit__(type(problem) if problem else None, problem, problem.__traceback__ if problem else None)


def _extended(sftp: Any, name: str, source: str, target: str, what: str) -> None:
    """A request of OpenSSH's own. Raises NotSupported where the server does not know it."""
    try:
        sftp._request(_EXTENDED, name, source, target)  # noqa: SLF001 - paramiko has a method for one of the two only
    except OSError as problem:
        if problem.errno is None and "unsupported" in str(problem).lower():
            text = f"the server cannot {what}: it lacks {name}"
            raise NotSupported(text, capability="replace", hint="use a server of OpenSSH's kind") from None
        raise


def _opened(sftp: Any, path: str) -> Any:
    try:
        return sftp.open(path, "rb")
    except OSError:
        if _kind(sftp, path) == "folder":  # there is no code for it in the protocol
            raise IsFolder("") from None
        raise


def _kind(sftp: Any, path: str) -> str:
    try:
        return "folder" if stat.S_ISDIR(sftp.stat(path).st_mode or 0) else "file"
    except FileNotFoundError:
        return ""
    except OSError as problem:  # below a file: servers say Failure, or ENOTDIR
        if problem.errno in (None, errno.ENOTDIR):
            return ""
        raise


def _entry(key: str, found: Any) -> Entry:
    modified = datetime.fromtimestamp(found.st_mtime or 0, UTC)
    if stat.S_ISDIR(found.st_mode or 0):
        return Entry(key, "folder", modified=modified)
    return Entry(key, size=found.st_size or 0, modified=modified, etag=f"{found.st_mtime or 0:x}-{found.st_size or 0:x}")


def _key(prefix: str, each: Any) -> bytes:
    path: str = prefix + each.filename + ("/" if stat.S_ISDIR(each.st_mode or 0) else "")
    return path.encode()


_MEANING: dict[int, type[StoreError]] = {
    errno.ENOENT: NotFound,
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EEXIST: AlreadyExists,
    errno.ENOTDIR: NotAFolder,
    errno.EISDIR: IsFolder,
    errno.ECONNREFUSED: Unavailable,
    errno.EHOSTUNREACH: Unavailable,
    errno.ENETUNREACH: Unavailable,
    errno.ETIMEDOUT: StoreTimeout,
}
