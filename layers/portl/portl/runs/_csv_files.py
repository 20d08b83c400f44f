"""The files of a ``csv.read``: found and pinned at its beginning, then read one behind the other as one list of records."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from portl.connections import Connections
from portl.errors import Changed, CsvError, NotFound, Place, StoreError
from portl.runs._file_intents import Pin
from portl.runs._intents import ReadRecords
from portl.stores import (
    HEAD_BYTES,
    Compression,
    CsvDialect,
    CsvReader,
    Entry,
    File,
    compression_of,
    decompressed,
    found_files,
    is_cut_by_bytes,
    is_pattern,
    read_csv,
    said_of,
    said_of_file,
)
from portl.values import TYPES, shortened

RANGES_FROM_BYTES = 64 * 1024 * 1024
"""From this size on, of all files together, ``ranges: auto`` keeps where the records are and leaves them in their files."""
_BUFFER_BYTES = 256 * 1024
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file and what its store said of it at the beginning of the read: it is read as it was then, or not at all."""

    file: File
    entry: Entry
    exact: bool = False
    """Whether its key is taken as it stands, because an event told it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A record with its place: the number of its file, its line from 1, and the reader that knows its bytes."""

    file: int
    line: int
    record: Record
    reader: CsvReader


class CsvFiles:
    """What a ``ReadRecords`` reads. ``columns``, ``checksums`` and ``notices``, for the log, are known when all is read.

    Raises:
        StoreError: F101, there is no file; or as the store says. All errors name the file they speak of.
    """

    def __init__(self, intent: ReadRecords, connections: Connections) -> None:
        self._options = options = dict(intent.options)
        self._compression: Compression = options.pop("compression", "auto")
        self._member = options.pop("member", None)
        self._ranges = options.pop("ranges", "auto")
        self._file_column = options.pop("file_column", None)
        self._types: Mapping[str, str] = options.pop("types", {})
        self._dialect = CsvDialect(**options.pop("dialect", {}))
        self.pinned = _pinned(intent, connections, allow_empty=options.pop("allow_empty", False))
        self.columns: tuple[str, ...] = ()
        self.checksums: list[list[str]] = []
        self.notices: list[str] = []
        self._first = ""

    @property
    def addresses(self) -> list[str]:
        """What the files are called, in their order."""
        return [each.file.address for each in self.pinned]

    @property
    def settings(self) -> dict[str, Any]:
        """What is to be known to read a part of any of the files again, JSON: see ``records_of``."""
        return {
            "quote": self._dialect.quote,
            "encoding": self._options.get("encoding"),
            "max_record_bytes": self._options.get("max_record_bytes"),
            "types": dict(self._types),
            "file_column": self._file_column,
            "columns": [each for each in self.columns if each != self._file_column],
        }

    def may_stay(self) -> bool:
        """Whether the records are to be left in the files: these can be cut by bytes, and are large enough."""
        if self._ranges == "never" or (self._ranges == "auto" and self._bytes() < RANGES_FROM_BYTES):
            return False
        reason = self._cannot_stay()
        if reason and self._ranges == "always":
            self.notices.append(f"ranges: always, and the records are copied into the run: {reason}")
        return reason is None

    def _cannot_stay(self) -> str | None:
        """Why the files cannot be cut at a byte; None: they can."""
        encoding = self._options.get("encoding")
        if encoding is not None and not _cut(encoding):
            return f"{encoding} cannot be cut at a byte"
        packed = next((each for each in self.pinned if self._compression_of(each) != "none"), None)
        return None if packed is None else f"{packed.file.address} is compressed"

    def records(self) -> Iterator[Taken]:
        """Every record of every file; each file is closed behind its last one.

        Raises:
            StoreError, CsvError: C116, the columns of a file are not those of the first; and as ``read_csv``.
        """
        if not self.pinned:
            self.columns = self._named(tuple(self._options.get("columns") or ()), "")
        for number, each in enumerate(self.pinned):
            try:
                yield from self._of(number, each)
            except StoreError as problem:
                raise said_of(problem, each.file.address) from problem.__cause__

    def _of(self, number: int, pinned: Pinned) -> Iterator[Taken]:
        address = pinned.file.address
        with pinned.file.reading(pinned.entry) as stream:
            content, digest = self._opened(stream, pinned)
            reader = read_csv(content, name=address, dialect=self._dialect, **self._options)
            self._same(number, reader, address)
            typed = _Typed(reader.columns, self._types, self._file_column, address)
            for line, values in reader:
                yield Taken(number, line, typed.record(line, values), reader)
            self.checksums.append([address, digest()])

    def _opened(self, stream: BinaryIO, pinned: Pinned) -> tuple[BinaryIO, Callable[[], str]]:
        """The content to read, and what answers the file's SHA-256 when that is read to its end."""
        kind: Compression = self._compression
        if kind == "auto":
            kind = compression_of(stream.read(HEAD_BYTES))
            stream.seek(0)
        address = pinned.file.address
        if kind == "zip":  # it is not read from its beginning to its end
            return decompressed(stream, address, kind, self._member), lambda: pinned.file.checksum(pinned.entry)
        hashed = _Hashed(stream)
        content = decompressed(io.BufferedReader(hashed, _BUFFER_BYTES), address, kind, self._member, self.notices.append)
        return content, hashed.digest.hexdigest

    def _same(self, number: int, reader: CsvReader, address: str) -> None:
        columns = self._named(reader.columns, address)
        if number == 0:
            self.columns, self._first = columns, address
        elif columns != self.columns:
            text = f"the columns are not those of {self._first}: {_difference(self.columns, columns)}"
            hint = "read files of the same columns, in the same order, in one step"
            raise CsvError(text, code="C116", hint=hint, place=Place(file=address, line=1))

    def _named(self, columns: tuple[str, ...], address: str) -> tuple[str, ...]:
        if self._file_column is None:
            return columns
        if self._file_column in columns:
            text = f"file_column names {self._file_column}, and the file has that column"
            raise CsvError(text, code="C105", hint="choose another name", place=Place(file=address or None))
        return (*columns, self._file_column)

    def _compression_of(self, pinned: Pinned) -> Compression:
        if self._compression != "auto":
            return self._compression
        file, entry = pinned.file, pinned.entry
        try:
            return compression_of(file.store.read_range(file.path, 0, HEAD_BYTES, etag=entry.etag, version=file.version))
        except StoreError as problem:
            raise said_of(problem, file.address) from None

    def _bytes(self) -> int:
        return sum(each.entry.size for each in self.pinned)


def checksums(intent: ReadRecords, connections: Connections) -> list[list[str]]:
    """The address and the SHA-256 of every file that would be read now, as ``CsvFiles.checksums`` has them afterwards."""
    found = _pinned(intent, connections, allow_empty=bool(intent.options.get("allow_empty")))
    return [[each.file.address, each.file.checksum(each.entry)] for each in found]


def checksums_name(step_id: str) -> str:
    """Where a step keeps ``CsvFiles.checksums``."""
    return f"results/{step_id}.files.json"


def records_of(
    content: bytes, address: str, settings: Mapping[str, Any], delimiter: str, line: int
) -> Iterator[tuple[int, Record]]:
    """The records of a part of a file that was validated before and begins at ``line``; ``settings`` as of ``CsvFiles``."""
    reader = read_csv(
        io.BytesIO(content),
        name=address,
        dialect=CsvDialect(delimiter, settings["quote"], header=False),
        columns=settings["columns"],
        encoding=settings["encoding"],
        max_record_bytes=settings["max_record_bytes"],
        first_line=line,
    )
    typed = _Typed(reader.columns, settings["types"], settings["file_column"], address)
    return ((at, typed.record(at, values)) for at, values in reader)


def _pinned(intent: ReadRecords, connections: Connections, *, allow_empty: bool) -> list[Pinned]:
    if intent.pin is not None:
        return [_the_very(intent, connections)]
    if not isinstance(intent.path, str):
        found = [_looked_at(connections.file(address)) for address in cast("Sequence[str]", intent.path)]
        named = "the list that path gives"
    else:
        found, named = _found(intent.path, connections, allow_empty=allow_empty), intent.path
    if not found and not allow_empty:
        text = f"there is no file: {named} names none"
        raise NotFound(text, hint="check the path, or write allow_empty: true", path=named, operation="list")
    return found


def _found(address: str, connections: Connections, *, allow_empty: bool) -> list[Pinned]:
    """The file of an address. Where none is, the files that it means as a pattern."""
    try:
        return [_looked_at(connections.file(address))]
    except NotFound:
        if is_pattern(address):
            return [Pinned(connections.file(each.address), each.entry) for each in found_files(connections.file, address)]
        if allow_empty:
            return []
        raise


def _the_very(intent: ReadRecords, connections: Connections) -> Pinned:
    """The one file that a pin means. Raises Changed: its ETag is another one now."""
    pin = intent.pin or Pin()
    version = None if pin.version is None else str(pin.version)
    file = connections.file(str(intent.path), version=version, exact=True)
    entry = file.entry()
    if pin.etag is not None and entry.etag != str(pin.etag):
        raise said_of_file(Changed, file, "open")
    return Pinned(file, entry, exact=True)


def _looked_at(file: File) -> Pinned:
    return Pinned(file, file.entry())


def _cut(encoding: str) -> bool:
    try:
        return is_cut_by_bytes(encoding)
    except (LookupError, ValueError):  # reading tells
        return True


def _difference(first: Sequence[str], other: Sequence[str]) -> str:
    lacking = [each for each in first if each not in other]
    more = [each for each in other if each not in first]
    said = [f"it lacks {', '.join(lacking)}"] if lacking else []
    said += [f"it has {', '.join(more)} besides"] if more else []
    return "; ".join(said) or f"they stand in another order, {', '.join(other)}"


class _Hashed(io.RawIOBase):
    """Reads on, and hashes what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = cast("io.BufferedReader", stream)
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto1(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count


class _Typed:
    """Makes records of the values of one file."""

    def __init__(self, columns: Sequence[str], types: Mapping[str, str], file_column: str | None, address: str) -> None:
        self._columns, self._types, self._address = columns, types, address
        self._more = {} if file_column is None else {file_column: address}

    def record(self, line: int, values: Sequence[str]) -> Record:
        record: Record = dict(zip(self._columns, values, strict=True))
        for name, kind in self._types.items():
            record[name] = _typed(record, name, kind, Place(file=self._address, line=line, column=name))
        record.update(self._more)
        return record


def _typed(record: Record, name: str, kind: str, place: Place) -> Any:
    """A column's value as its type; an empty one that is no text is null.

    Raises:
        CsvError: C115, it does not fit; C107, there is no such column.
    """
    if name not in record:
        text = f"types names the column {name}, and the header has {', '.join(record)}"
        raise CsvError(text, code="C107", hint="correct types", place=place)
    value = record[name]
    if value == "" and kind != "text":
        return None
    try:
        return TYPES[kind](value)
    except (ValueError, TypeError, ArithmeticError) as problem:
        text = f"{name} cannot be {kind}: {shortened(repr(value), 80)}"
        raise CsvError(text, code="C115", hint="correct the file, or leave the column as text", place=place) from problem
