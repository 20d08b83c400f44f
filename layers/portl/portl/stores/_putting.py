"""A file that is made anew by every attempt, the same each time: what is there with the same content counts as done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from portl.errors import AlreadyExists, StoreError
from portl.stores._entries import Entry, Written
from portl.stores._files import File
from portl.stores._saying import said, said_of
from portl.stores._transfer import content_hash

Put = Literal["fail", "replace", "if_different"]
Make = Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Made:
    """What is there now, and whether nothing was there before."""

    written: Written
    is_new: bool


def put_made(
    file: File, make: Make, *, overwrite: Put, content_type: str | None = None, before: Callable[[], None] = lambda: None
) -> Made:
    """Puts content, whole or not at all, unless it is there.

    Args:
        file: where.
        make: gives the content's parts, the same whenever it is called.
        overwrite: what becomes of another content that is there: ``fail`` keeps it and raises AlreadyExists, ``if_different``
            and ``replace`` put the new one in its place. Only ``replace`` does not look whether it is the same.
        content_type: kept where the store keeps one.
        before: is called before anything is put.

    Raises:
        StoreError: of the file's address; what ``make`` raises comes through.
    """
    try:
        return _Putting(file, make, overwrite, content_type, before).run()
    except StoreError as problem:
        if problem.path == file.path:
            raise said_of(problem, file.address) from problem.__cause__
        raise


@dataclass(frozen=True, slots=True)
class _Putting:
    """The fields are the arguments of ``put_made``."""

    file: File
    make: Make
    overwrite: Put
    content_type: str | None
    before: Callable[[], None]

    def run(self) -> Made:
        there = self._there()
        if there is not None:
            return self._beside(there)
        try:
            return Made(self._write(replace=self.overwrite != "fail"), is_new=True)
        except AlreadyExists:
            there = self._there()  # of another attempt, which was quicker
            if there is None:
                raise
            return self._beside(there)

    def _there(self) -> Entry | None:
        found = self.file.store.stat(self.file.path, missing_ok=True)
        return found if found is not None and found.kind == "file" else None

    def _beside(self, there: Entry) -> Made:
        if self.overwrite != "replace":
            same = self._same(there)
            if same is not None:
                return Made(same, is_new=False)
            if self.overwrite == "fail":
                raise self._taken()
        return Made(self._write(replace=True), is_new=False)

    def _same(self, there: Entry) -> Written | None:
        digest, size = hashlib.sha256(), 0
        for part in self.make():
            digest.update(part)
            size += len(part)
        if size != there.size:
            return None
        checksum = f"sha256:{digest.hexdigest()}"
        if content_hash(self.file.store, self.file.path, etag=there.etag) != checksum:
            return None
        return Written(self.file.path, size, checksum, there.etag, there.version)

    def _write(self, *, replace: bool) -> Written:
        self.before()
        store = self.file.store
        content_type = self.content_type if store.supports("metadata") else None
        return store.write(self.file.path, self.make(), overwrite=replace, content_type=content_type)

    def _taken(self) -> StoreError:
        problem = said(AlreadyExists, self.file.path, self.file.store.name, "write", None)
        problem.message += ", with another content"
        problem.hint = "choose another path, or write overwrite: replace or if_different"
        return problem
