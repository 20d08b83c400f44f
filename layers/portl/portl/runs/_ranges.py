"""Parts of a list that stay where they are: of each only the range of bytes in its file is kept, and what these hash to.

``<ref>/ranges.json`` says how the files are read; ``<ref>/ranges-<number>.json`` has the ranges of ``BLOCK`` parts and the
files they are in. A part that begins in one file and ends in another has a range of each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from portl.errors import Changed, NotFound, StoreError
from portl.runs._csv_files import CsvFiles, Pinned, Record, Taken, records_of
from portl.runs._folder import RunFolder
from portl.stores import File, parse_address, said_of

BLOCK = 100
"""Parts whose ranges stand in one file: a chunk's Task reads some 15 KB, and a list of 10,000 chunks is kept in 100 writes."""


class Open(Protocol):
    """Opens an address, as ``Connections.file``."""

    def __call__(self, address: str, *, version: str | None = None, exact: bool = False) -> File:
        """See ``Files.at``."""
        ...


Runs = list[tuple[str, int]]
"""Which files records came from: the address and how many of them, in their order."""


@dataclass(slots=True)
class Piece:
    """Neighbouring records of one file: its number, the bytes from ``start`` up to ``end``, the first one's line, how many."""

    file: int
    start: int
    end: int
    line: int
    count: int = 0
    sha256: str = ""


@dataclass(slots=True)
class _Open:
    """A piece that is being made."""

    piece: Piece
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, taken: Taken) -> None:
        for line in taken.reader.raw:
            self.digest.update(line)
        self.piece.end = taken.reader.ends
        self.piece.count += 1

    def closed(self) -> Piece:
        self.piece.sha256 = self.digest.hexdigest()
        return self.piece


class RangesWriter:
    """Takes records one by one and keeps where they are. When there would be more than ``most`` parts, the size doubles.

    ``most`` is even. What is kept grows with the parts, not with the records.
    """

    def __init__(self, folder: RunFolder, ref: str, size: int, most: int) -> None:
        self._folder, self._ref, self._most = folder, ref, most
        self.size = size
        self.count = 0
        self._parts: list[list[Piece]] = []
        self._part: list[Piece] = []
        self._open: _Open | None = None
        self._in_part = 0
        self._delimiters: dict[int, str] = {}

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return len(self._parts)

    def add(self, taken: Taken) -> None:
        """Appends a record."""
        if self._open is None or self._open.piece.file != taken.file:
            self._cut()
            self._delimiters[taken.file] = taken.reader.delimiter
            self._open = _Open(Piece(taken.file, taken.reader.begins, taken.reader.begins, taken.line))
        self._open.add(taken)
        self.count += 1
        self._in_part += 1
        if self._in_part == self.size:
            self._flush()

    def close(self, files: CsvFiles) -> str:
        """Keeps the ranges and answers the SHA-256 of the whole list."""
        while self._in_part:  # the first time, when there are as many parts as may be, only makes room
            self._flush()
        settings, told = files.settings, {number: self._told(number, files.pinned[number]) for number in self._delimiters}
        self._folder.write(f"{self._ref}/ranges.json", settings)
        for first in range(0, len(self._parts), BLOCK):
            parts = self._parts[first : first + BLOCK]
            named = {str(piece.file): told[piece.file] for part in parts for piece in part}
            block = {"files": named, "parts": [_plain(part) for part in parts]}
            self._folder.write(_block_name(self._ref, first // BLOCK), block)
        whole = hashlib.sha256()
        for part in self._parts:
            whole.update(_digest(settings, [told[piece.file] for piece in part], part).encode())
        return whole.hexdigest()

    def _told(self, number: int, pinned: Pinned) -> dict[str, Any]:
        address = pinned.file.address
        found = parse_address(address)
        at = address if found.store or found.bucket else str(Path(address).expanduser().absolute())
        told = {"address": address, "at": at, "etag": pinned.entry.etag, "delimiter": self._delimiters[number]}
        return {**told, "version": pinned.file.version, "exact": True} if pinned.exact else told

    def _cut(self) -> None:
        if self._open is not None:
            self._part.append(self._open.closed())
            self._open = None

    def _flush(self) -> None:
        if len(self._parts) == self._most:  # the open part, half full now, goes on
            self._parts = [one + other for one, other in zip(self._parts[::2], self._parts[1::2], strict=True)]
            self.size *= 2
            return
        self._cut()
        self._parts.append(self._part)
        self._part, self._in_part = [], 0


@dataclass(frozen=True, slots=True)
class RangePart:
    """The records of one part, their lines, and which files they came from."""

    records: list[Any]
    lines: list[int]
    files: Runs


class RangeParts:
    """Reads parts from where they are. ``files`` opens an address; it is not needed for ``digest``."""

    def __init__(self, folder: RunFolder, ref: str, files: Open | None = None) -> None:
        self._folder, self._ref, self._files = folder, ref, files
        self._settings: dict[str, Any] = {}
        self._block: tuple[int, Any] = (-1, None)

    def read(self, number: int) -> RangePart:
        """The records of a part: one range of each file it is in, and nothing else, is read.

        Raises:
            Changed: the range is not what it was when the list was made.
            StoreError: as the store says.
        """
        settings, block, pieces = self._part(number)
        records: list[Record] = []
        lines: list[int] = []
        runs: Runs = []
        for file, neighbours in groupby(pieces, lambda piece: piece.file):
            same = list(neighbours)
            told = block["files"][str(file)]
            content = self._content(told, same)
            for line, record in records_of(content, told["address"], settings, told["delimiter"], same[0].line):
                lines.append(line)
                records.append(record)
            runs.append((told["address"], sum(piece.count for piece in same)))
        return RangePart(records, lines, runs)

    def digest(self, number: int) -> str:
        """The SHA-256 of what a part's records are made of: their bytes, and how these are read."""
        settings, block, pieces = self._part(number)
        return _digest(settings, [block["files"][str(piece.file)] for piece in pieces], pieces)

    def _part(self, number: int) -> tuple[dict[str, Any], Any, list[Piece]]:
        if not self._settings:
            self._settings = self._folder.read(f"{self._ref}/ranges.json")
        if self._block[0] != number // BLOCK:
            self._block = number // BLOCK, self._folder.read(_block_name(self._ref, number // BLOCK))
        block = self._block[1]
        return self._settings, block, [Piece(*each) for each in block["parts"][number % BLOCK]]

    def _content(self, told: dict[str, Any], pieces: Sequence[Piece]) -> bytes:
        assert self._files is not None  # noqa: S101 - whoever reads records says how files are opened
        start, end = pieces[0].start, pieces[-1].end
        found = self._files(told["at"], version=told.get("version"), exact=told.get("exact", False))
        file = replace(found, address=told["address"])
        try:
            content = _bytes(file, start, end, told["etag"])
        except NotFound as problem:
            text = f"{file.address} is gone, and the run has left its records there"
            raise NotFound(text, hint=_WAY_OUT, path=file.address, store=problem.store, operation="read") from problem
        if not all(_is(piece, content, start) for piece in pieces):
            text = f"{file.address} was replaced while a run reads it: its bytes {start:,} to {end:,} are others now"
            raise Changed(text, hint=_WAY_OUT, path=file.address, store=file.store.name, operation="read")
        return content


_WAY_OUT = "put the file back as it was and resume the run, or run it anew; ranges: never copies the records into the run"


def _bytes(file: File, start: int, end: int, etag: str | None) -> bytes:
    """A range as its file was told to be; of another file the same range, which may be the same: its hash will say so."""
    try:
        return file.store.read_range(file.path, start, end - start, etag=etag, version=file.version)
    except Changed:
        return _bytes(file, start, end, None) if etag is not None else b""
    except StoreError as problem:
        raise said_of(problem, file.address) from problem.__cause__


def _digest(settings: Mapping[str, Any], files: Sequence[Mapping[str, Any]], pieces: Sequence[Piece]) -> str:
    named = settings["file_column"] is not None
    said = [
        [piece.sha256, piece.count, told["delimiter"], told["address"] if named else ""]
        for piece, told in zip(pieces, files, strict=True)
    ]
    return hashlib.sha256(json.dumps([settings, said], sort_keys=True).encode()).hexdigest()


def _is(piece: Piece, content: bytes, start: int) -> bool:
    return hashlib.sha256(content[piece.start - start : piece.end - start]).hexdigest() == piece.sha256


def _plain(part: Sequence[Piece]) -> list[list[Any]]:
    return [[each.file, each.start, each.end, each.line, each.count, each.sha256] for each in part]


def _block_name(ref: str, number: int) -> str:
    return f"{ref}/ranges-{number:05d}.json"


def spread(runs: Runs) -> Iterator[str]:
    """The address of every record."""
    for address, count in runs:
        yield from [address] * count
