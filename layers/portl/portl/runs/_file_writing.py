"""The one place where records become files: each is there whole or not at all, and the manifest comes last.

An attempt that is made again finds what the one before it has written, compares it, and goes on.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from portl.connections import Connections
from portl.errors import RunError, StepError, StoreError
from portl.runs._file_content import Content
from portl.runs._intents import WriteFile
from portl.runs._progress import Progress
from portl.stores import Made, Written, parse_address, put_made

GATHERED_BYTES = 64 * 1024
"""What goes into a store at once: a line alone would be hashed and buffered by itself."""
MARGIN_S = 10.0
"""A file is given up this long before its function would be stopped, or at two thirds of a shorter time."""


@dataclass(frozen=True, slots=True)
class FilesWritten:
    """What was written. Of parts, ``size`` is that of all of them in bytes, ``checksum`` that of the manifest."""

    path: str
    size: int
    checksum: str
    count: int
    files: int


def write_file(intent: WriteFile, connections: Connections, progress: Progress) -> FilesWritten:
    """Writes the file of an intent, or its parts and their manifest.

    Raises:
        StoreError: a store refused, F106: another content is there.
        StepError: a record cannot be written; placed at the record.
        RunError: R172, two parts would have one name; R181, the time of the function is too short.
    """
    return _FileWriting(intent, connections, progress).run()


class _FileWriting:
    def __init__(self, intent: WriteFile, connections: Connections, progress: Progress) -> None:
        self._intent, self._content, self._connections, self._progress = intent, intent.content, connections, progress
        self._remaining = connections.remaining or (lambda: float("inf"))
        self._margin = min(MARGIN_S, self._remaining() / 3)
        self._new: list[str] = []
        self._taken: dict[str, str] = {} if intent.manifest is None else {str(intent.manifest): "the manifest"}
        self._withdrawn = False

    def run(self) -> FilesWritten:
        if self._intent.parts is not None:
            return self._all_parts()
        whole = Portion(self._content, 0, None)
        written = self._put(self._content.address(1), whole, lambda: None)
        self._progress.end(whole.count)
        return FilesWritten(self._content.address(1), written.size, str(written.checksum), whole.count, 1)

    def _all_parts(self) -> FilesWritten:
        try:
            files = [*self._parts()]
            made = self._manifest(files)
        except BaseException:
            self._take_back()
            raise
        count, size = sum(file["records"] for file in files), sum(file["size"] for file in files)
        self._progress.end(count)
        return FilesWritten(made.path, size, str(made.checksum), count, len(files))

    def _parts(self) -> Iterator[dict[str, Any]]:
        """The parts, each with its facts for the manifest; the first is there though the list is empty."""
        start: int | None = 0
        number = count = 0
        while start is not None:
            number += 1
            portion = Portion(self._content, start, self._intent.parts)
            address = self._own(self._content.address(number), f"part {number}")
            written = self._put(address, portion, self._withdraw)
            sha256 = str(written.checksum).removeprefix("sha256:")
            yield {"path": address, "records": portion.count, "size": written.size, "sha256": sha256}
            count += portion.count
            self._progress.at(count)
            start = portion.next

    def _own(self, address: str, what: str) -> str:
        """The address, when nothing else of this step is to have it: one of the two would be lost."""
        other = self._taken.setdefault(address, what)
        if other != what:
            hint = "name each part by its own: path reads the whole {{ part }}, and no part has the name of the manifest"
            raise RunError(f"{other} and {what} would both become {address}", code="R172", hint=hint)
        return address

    def _manifest(self, files: list[dict[str, Any]]) -> Written:
        """The manifest, at its address; where the job has none, what it would be, at the first part's."""
        intent = self._intent
        facts = {"format": intent.format, "compression": intent.compression, "columns": intent.columns}
        total = {name: sum(file[name] for file in files) for name in ("records", "size")}
        told = [{**file, **_relative(file["path"], str(intent.manifest or ""))} for file in files]
        text = json.dumps({**facts, **total, "files": told}, indent=2, ensure_ascii=False) + "\n"
        content = text.encode()
        if intent.manifest is None:
            return Written(files[0]["path"], len(content), _sha256(content))
        address = str(intent.manifest)
        made = self._made(address, lambda: iter([content]), "application/json", lambda: None)
        return Written(address, made.size, made.checksum)

    def _put(self, address: str, portion: Portion, before: Callable[[], None]) -> Written:
        return self._made(address, lambda: self._in_time(portion.parts()), self._intent.content_type, before)

    def _made(self, address: str, make: Callable[[], Iterator[bytes]], kind: str, before: Callable[[], None]) -> Written:
        file = self._connections.file(address)
        made: Made = put_made(file, make, overwrite=self._intent.overwrite, content_type=kind, before=before)
        if made.is_new:
            self._new.append(address)
        return made.written

    def _withdraw(self) -> None:
        """Removes the manifest of the files that are about to be replaced: it would say of them what is no longer so."""
        if self._intent.manifest is not None and self._intent.overwrite != "fail" and not self._withdrawn:
            self._withdrawn = True
            file = self._connections.file(str(self._intent.manifest))
            file.store.delete(file.path, missing_ok=True)

    def _take_back(self) -> None:
        """Removes the parts that this attempt has added: without the others they are of no use."""
        for address in self._new:
            file = self._connections.file(address)
            with suppress(StoreError):  # what led here is what is told
                file.store.delete(file.path, missing_ok=True)

    def _in_time(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            if self._remaining() < self._margin:
                hint = "write fewer records in one step, or give its function more time"
                raise RunError("time ran short before the file was written; nothing is left of it", code="R181", hint=hint)
            yield part


class Portion:
    """The records of one file: those of the list from ``start`` on, at most so many."""

    def __init__(self, content: Content, start: int, most: int | None) -> None:
        self._content, self._start, self._most = content, start, most
        self._at = start
        self.count = 0
        self.next: int | None = None
        """Where the next file begins, None behind the last; known when the bytes have been read to their end."""

    def parts(self) -> Iterator[bytes]:
        """The bytes, in pieces worth sending. Raises StepError, placed at the record."""
        try:
            yield from gathered(self._content.encoded(self._records()))
        except StepError as problem:
            raise problem.at(self._content.place(self._at)) from problem.__cause__

    def _records(self) -> Iterator[Any]:
        self.count, self.next = 0, None
        for index, record in self._content.records(self._start):
            if self.count == self._most:
                self.next = index
                return
            self._at = index
            self.count += 1
            yield record


def gathered(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces."""
    held, size = [], 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= GATHERED_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _relative(address: str, manifest: str) -> dict[str, str]:
    """The path of a part from the folder of the manifest, so that both can be copied elsewhere; none from another store."""
    if not manifest:
        return {}
    part, own = parse_address(address), parse_address(manifest)
    if (part.store, part.bucket) != (own.store, own.bucket):
        return {}
    return {"relative": posixpath.relpath(part.path, posixpath.dirname(own.path) or ".")}
