"""The driver of docs/writing-a-store-driver.md, whole: files in one SQLite database, for many processes at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portl import errors
from portl.stores import Capability, Driver, Entry, How, Span

SCHEMA = """
PRAGMA journal_mode = wal; PRAGMA synchronous = normal; PRAGMA foreign_keys = on;
CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, size INTEGER, modified REAL);
CREATE TABLE IF NOT EXISTS parts (file INTEGER REFERENCES files ON DELETE CASCADE, at INTEGER, data BLOB, UNIQUE (file, at));
"""
PARTS = "SELECT at, data FROM parts WHERE file = ? AND at > ? AND at < ? ORDER BY at"
MEANING: dict[int, type[errors.StoreError]] = {
    sqlite3.SQLITE_BUSY: errors.StoreTimeout,
    sqlite3.SQLITE_FULL: errors.StoreFull,
    sqlite3.SQLITE_READONLY: errors.PermissionDenied,
    sqlite3.SQLITE_CANTOPEN: errors.ConfigError,
}


class SqliteDriver:
    """A file is a row of ``files`` and its parts; while it is being written it has no key, so nobody finds it."""

    capabilities: frozenset[Capability] = frozenset({"create", "replace", "if_match"})
    part_bytes = 1024 * 1024
    hashes: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._database = folder / "files.sqlite"
        self.name = self.place = f"sqlite:{self._database}"

    def head(self, key: str, version: str | None) -> Entry:
        with self.transaction("DEFERRED") as database:
            return found(database, key)

    def get(self, key: str, span: Span) -> tuple[Entry, Iterator[bytes]]:
        stream = self._stream(key, span)
        return next(stream), stream

    def _stream(self, key: str, span: Span) -> Iterator[Any]:
        """The entry and then the bytes, of one transaction: it sees one content, whoever writes meanwhile."""
        with self.transaction("DEFERRED") as database:
            entry = found(database, key)
            if span.etag not in (None, entry.etag):
                raise errors.Changed("")
            yield entry
            end = entry.size if span.end is None else span.end
            within = (entry.etag, span.start - self.part_bytes, end)
            for at, data in database.execute(PARTS, within):
                yield data[max(0, span.start - at) : max(0, end - at)]

    def put(self, key: str, data: bytes, how: How) -> Entry:
        with self.transaction() as database:
            file = new(database)
            add(database, file, 0, data)
            return show(database, file, key, how)

    def begin(self, key: str, how: How) -> Upload:
        with self.transaction() as database:
            return Upload(self, key, how, new(database))

    def list(self, prefix: str, *, deep: bool, start_after: str) -> Iterator[Entry]:
        with self.transaction("DEFERRED") as database:  # SQLite compares text by its bytes in UTF-8, as the order must be
            rows = database.execute("SELECT * FROM files WHERE key > ? ORDER BY key", (max(prefix, start_after),)).fetchall()
        folder = start_after if start_after.endswith("/") else ""
        for entry in map(entry_of, rows):
            if not entry.path.startswith(prefix):
                return
            name, slash, _ = entry.path[len(prefix) :].partition("/")
            if deep or not slash:
                yield entry
            elif f"{prefix}{name}/" != folder:
                folder = f"{prefix}{name}/"
                yield Entry(folder.removesuffix("/"), "folder")

    def delete(self, key: str, etag: str | None) -> None:
        with self.transaction() as database:
            there = found(database, key).etag
            if etag not in (None, there):
                raise errors.Changed("")
            database.execute("DELETE FROM files WHERE id = ?", (there,))

    def remove_folder(self, key: str) -> None:
        """A folder is there as long as something is in it."""

    def copy(self, origin: Driver, source: str, target: str, how: How, etag: str | None) -> Entry:
        raise errors.NotSupported("left to the kernel, which reads and writes", capability="server_copy")

    def rename(self, source: str, target: str, how: How) -> bool:
        with self.transaction() as database:
            show(database, int(found(database, source).etag or 0), target, how)
        return True

    def sign(self, key: str, method: str, until: datetime) -> str:
        raise errors.NotSupported(f"{key} in a database has no address", capability="sign")

    def classify(self, problem: Exception) -> type[errors.StoreError] | None:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        return MEANING.get(code, errors.Unavailable) if isinstance(problem, sqlite3.Error) else None

    def close(self) -> None:
        """Nothing is held between calls."""

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Committed on a clean exit; else nothing of it is left."""
        database = sqlite3.connect(self._database, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            database.executescript(f"{SCHEMA} BEGIN {kind}")
            yield database
            database.execute("COMMIT")
        finally:
            database.close()


@dataclass(slots=True)
class Upload:
    driver: SqliteDriver
    key: str
    how: How
    file: int
    size: int = 0
    part_bytes: int = SqliteDriver.part_bytes

    def part(self, data: bytes) -> None:
        with self.driver.transaction() as database:
            add(database, self.file, self.size, data)
        self.size += len(data)

    def commit(self) -> Entry:
        with self.driver.transaction() as database:
            return show(database, self.file, self.key, self.how)

    def abort(self) -> None:
        with self.driver.transaction() as database:
            database.execute("DELETE FROM files WHERE id = ?", (self.file,))


def new(database: sqlite3.Connection) -> int:
    now = datetime.now(UTC).timestamp()
    return int(database.execute("INSERT INTO files (size, modified) VALUES (0, ?)", (now,)).lastrowid or 0)


def add(database: sqlite3.Connection, file: int, at: int, data: bytes) -> None:
    database.execute("INSERT INTO parts VALUES (?, ?, ?)", (file, at, data))
    database.execute("UPDATE files SET size = ? WHERE id = ?", (at + len(data), file))


def show(database: sqlite3.Connection, file: int, key: str, how: How) -> Entry:
    """Gives a file its key, on the condition it was written on: the one place that decides who wins."""
    there = database.execute("SELECT id FROM files WHERE key = ?", (key,)).fetchone()
    if how.if_match is not None and (there is None or str(there[0]) != how.if_match):
        raise errors.Changed("")
    if there and not how.overwrite:
        raise errors.AlreadyExists("")
    database.execute("DELETE FROM files WHERE key = ? AND id <> ?", (key, file))
    database.execute("UPDATE files SET key = ? WHERE id = ?", (key, file))
    return found(database, key)


def found(database: sqlite3.Connection, key: str) -> Entry:
    row = database.execute("SELECT * FROM files WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise errors.NotFound("")
    return entry_of(row)


def entry_of(row: tuple[int, str, int, float]) -> Entry:
    return Entry(row[1], size=row[2], modified=datetime.fromtimestamp(row[3], UTC), etag=str(row[0]))
