"""Lists of records kept in the run as parts of equal size, written as a stream and read by index.

A part is a chunk: ``<ref>/<number>.jsonl`` holds its records, ``<number>.lines`` the lines of the file they came from, and
``<number>.files`` the files, where there are several. Of a list that is kept in ``ranges`` the records stay in their files: see
``_ranges``. ``<ref>/digest.json`` is the SHA-256 of all of them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any, Literal, Protocol

from portl.errors import Place, RunError
from portl.runs._csv_files import CsvFiles, Taken
from portl.runs._folder import RunFolder, damaged
from portl.runs._ranges import Open, RangeParts, RangesWriter, Runs, spread
from portl.values import Unknown, known

MAX_CHUNKS = 10_000
"""Children of one Distributed Map that stay well inside an execution's history and result size."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A reference to a list of records: all that travels through the state machine."""

    ref: str
    count: int
    size: int
    chunks: int
    file: str = ""
    begins: str = ""
    """In a plan, where only the beginning of the list is kept: how the whole list is called."""
    of: int | Literal[""] = ""
    """Beside ``begins``: how many records the whole list has, where the plan knows."""
    pick: str = ""
    """In a replay, where some records are done: the file that names them; ``chunks`` are then the parts that hold them."""
    ranges: bool = False
    """Whether the records are read from their files, range by range."""

    def to_json(self) -> dict[str, Any]:
        """The reference as JSON, under 200 bytes for names of usual length."""
        return {name: value for name, value in asdict(self).items() if value != "" and value is not False}


class RowsWriter:
    """Takes records one by one and keeps them in parts of ``size``. When there would be too many parts, the size doubles."""

    def __init__(self, folder: RunFolder, ref: str, size: int, file: str = "", most: int = MAX_CHUNKS) -> None:
        self._folder, self._ref, self._size, self._file, self._most = folder, ref, size, file, most
        self._records: list[Any] = []
        self._lines: list[int] = []
        self._files: list[str] = []
        self._digests: list[str] = []
        self._parts = 0
        self._count = 0

    def add(self, record: Any, line: int = 0, file: str = "") -> None:
        """Appends a record and the line it came from (0: none); the file too, where there are several."""
        self._records.append(record)
        self._lines.append(line)
        self._files.append(file)
        self._count += 1
        if len(self._records) == self._size:
            self._flush()

    def close(self) -> Rows:
        """Writes what is left and answers the reference."""
        while self._records:  # the first time, when there are as many parts as may be, only makes room
            self._flush()
        self._folder.write(digest_name(self._ref), hashlib.sha256("".join(self._digests).encode()).hexdigest())
        return Rows(self._ref, self._count, self._size, self._parts, self._file)

    def _flush(self) -> None:
        if self._parts == self._most:
            self._coarsen()
            return
        self._write(self._parts, self._records, self._lines, self._files)
        self._parts += 1
        self._records, self._lines, self._files = [], [], []

    def _write(self, part: int, records: list[Any], lines: list[int], files: Iterable[str]) -> None:
        self._digests[part:] = [self._folder.write_lines(f"{self._ref}/{part:05d}.jsonl", records)]
        if any(lines):
            self._folder.write(f"{self._ref}/{part:05d}.lines", lines)
        if any(runs := [(file, len([*same])) for file, same in groupby(files) if file]):
            self._folder.write(f"{self._ref}/{part:05d}.files", runs)

    def _coarsen(self) -> None:
        """Makes one part of every two, and doubles the size: indexes stay what they were."""
        reader = RowsReader(self._folder, Rows(self._ref, self._parts * self._size, self._size, self._parts))
        for part in range(0, self._parts, 2):
            records = [*reader.part(part), *(reader.part(part + 1) if part + 1 < self._parts else [])]
            lines = [*reader.lines(part), *(reader.lines(part + 1) if part + 1 < self._parts else [])]
            files = [*reader.files(part), *(reader.files(part + 1) if part + 1 < self._parts else [])]
            self._write(part // 2, records, lines, files)
        left = (self._parts + 1) // 2
        for part in range(left, self._parts):
            for kind in ("jsonl", "lines", "files"):
                self._folder.delete(f"{self._ref}/{part:05d}.{kind}")
        self._parts, self._size = left, self._size * 2


def keep_files(
    folder: RunFolder, ref: str, size: int, files: CsvFiles, done: Callable[[int], None], most: int = MAX_CHUNKS
) -> Rows:
    """Keeps the records of files as a list: where they are, or copies of them. ``done`` is told how many there are so far.

    Raises:
        StoreError, CsvError: of the first record that is none.
    """
    addresses = files.addresses
    file, several = addresses[0] if len(addresses) == 1 else "", len(addresses) > 1
    if files.may_stay():
        ranges = RangesWriter(folder, ref, size, most)
        _each(files, ranges.add, done)
        folder.write(digest_name(ref), ranges.close(files))
        return Rows(ref, ranges.count, ranges.size, ranges.parts, file, ranges=True)
    writer = RowsWriter(folder, ref, size, file, most)
    _each(files, lambda it: writer.add(it.record, it.line, addresses[it.file] if several else ""), done)
    return writer.close()


def _each(files: CsvFiles, add: Callable[[Taken], None], done: Callable[[int], None]) -> None:
    for count, taken in enumerate(files.records(), 1):
        add(taken)
        done(count)


def part_digests(folder: RunFolder, rows: Rows, parts: Iterable[int]) -> Iterator[str]:
    """The SHA-256 of each of some parts: of its records, or of the bytes that they are read from."""
    if rows.ranges:
        ranges = RangeParts(folder, rows.ref)
        yield from map(ranges.digest, parts)
    else:
        yield from (folder.digest(f"{rows.ref}/{part:05d}.jsonl") for part in parts)


def pick_records(folder: RunFolder, source: str, rows: Mapping[str, Any], records: Sequence[int]) -> dict[str, Any]:
    """A reference (JSON) to some records of a list: its parts that hold none of them are left out.

    Raises:
        RunError: R157, the list has no such record.
    """
    given = Rows(**rows)
    beyond = [record for record in records if not 0 <= record < given.count]
    if beyond:
        text = f"there is no record {beyond[0] + 1}: {source} made {given.count:,}"
        raise RunError(text, code="R157", hint="count from 1")
    parts = sorted({record // given.size for record in records})
    name = f"picks/{source}.json"
    folder.write(name, {"parts": parts, "records": sorted(records)})
    return replace(given, chunks=len(parts), pick=folder.ref(name) if records else "").to_json()


def whole_list(rows: Rows) -> Rows:
    """The list that a reference to some of its records stands for."""
    return replace(rows, chunks=-(-rows.count // rows.size))


def digest_name(ref: str) -> str:
    """Where the SHA-256 of a whole list stands."""
    return f"{ref}/digest.json"


class _Part(Protocol):
    """One part of a list; ``files`` is empty where there is one file at most."""

    @property
    def records(self) -> list[Any]: ...

    @property
    def lines(self) -> list[int]: ...

    @property
    def files(self) -> Runs: ...


class _KeptPart:
    """A part whose records are copies; its lines are read when they are asked for."""

    def __init__(self, folder: RunFolder, name: str) -> None:
        self._folder, self._name = folder, name
        self.records: list[Any] = folder.read_lines(f"{name}.jsonl")

    @cached_property
    def lines(self) -> list[int]:
        found = self._folder.find(f"{self._name}.lines")
        return [0] * len(self.records) if found is None else found

    @cached_property
    def files(self) -> Runs:
        return [(file, count) for file, count in self._folder.find(f"{self._name}.files") or ()]


class RowsReader:
    """Reads records by index, part by part; the last parts read are kept. Expressions see it as a list.

    ``files`` opens an address, for records that are read from their files.
    """

    def __init__(self, folder: RunFolder, rows: Rows, files: Open | None = None, keep: int = 2) -> None:
        self._folder, self.rows, self._keep = folder, rows, keep
        self._ranges = RangeParts(folder, rows.ref, files) if rows.ranges else None
        self._cache: OrderedDict[int, _Part] = OrderedDict()

    def __len__(self) -> int:
        self._all()
        return self.rows.count

    def _all(self) -> None:
        """Refuses with Uncertain what needs the whole list, where a plan keeps its beginning only."""
        if self.rows.begins:
            known(Unknown.named(self.rows.begins))

    def total(self) -> int | Unknown:
        """How many records the list has; in a plan only a call may know."""
        if not self.rows.begins:
            return self.rows.count
        return Unknown.named(f"{self.rows.begins} | length") if self.rows.of == "" else self.rows.of

    def __iter__(self) -> Iterator[Any]:
        self._all()
        for part in range(self.rows.chunks):
            yield from self.part(part)

    def read(self, index: str | int) -> Any:
        """The record at an index; a negative one counts from the end.

        Raises:
            IndexError: there is no such record.
        """
        if not isinstance(index, int) or not -self.rows.count <= index < self.rows.count:
            if isinstance(index, int) and self.rows.begins:
                return Unknown.named(self.rows.begins).read(index)
            raise IndexError(index)
        if index < 0 and self.rows.begins:
            return Unknown.named(self.rows.begins).read(index)
        at = index % self.rows.count
        return self.part(at // self.rows.size)[at % self.rows.size]

    def part(self, number: int) -> list[Any]:
        """The records of one chunk. Raises what ``RangeParts.read`` does, where they are read from their files.

        Raises:
            RunError: R123, some of them are missing.
        """
        records = self._part(number).records
        if not self.rows.begins and len(records) != min(self.rows.size, self.rows.count - number * self.rows.size):
            raise damaged(f"{self.rows.ref}/{number:05d}.jsonl".lstrip("/"))
        return records

    def lines(self, number: int) -> list[int]:
        """The file's lines of one chunk's records, zeros when they came from no file."""
        return self._part(number).lines

    def files(self, number: int) -> list[str]:
        """The files of one chunk's records; nothing of a list of one file at most, which ``rows`` names."""
        return [*spread(self._part(number).files)]

    def place(self, index: int) -> Place:
        """The file and the line of one record, as far as there are any."""
        number, at = divmod(index, self.rows.size)
        files = [] if self.rows.file else self.files(number)
        return Place(line=self.lines(number)[at] or None, file=self.rows.file or (files[at] if files else None))

    def _part(self, number: int) -> _Part:
        if number not in self._cache:
            name = f"{self.rows.ref}/{number:05d}"
            self._cache[number] = self._ranges.read(number) if self._ranges else _KeptPart(self._folder, name)
            while len(self._cache) > self._keep:
                self._cache.popitem(last=False)
        return self._cache[number]
