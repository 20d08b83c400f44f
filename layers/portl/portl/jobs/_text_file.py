"""Text of a job that stands in a file of the job's folder, such as the SQL of ``sql_file``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from portl.errors import StoreError
from portl.stores import LocalDriver, Store

MAX_TEXT_BYTES = 256 * 1024
_WHY = {
    "F101": ("is not there", "a path from the job's folder"),
    "F104": ("is a folder", "name a file"),
    "F102": ("leads out of the job's folder, or is no path", "a relative path with /, without .. and without links"),
}


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Why a file cannot be taken. ``offset`` is where in the text, in characters, when it is in the text."""

    message: str
    hint: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file as it was read. ``name`` is its path as findings show it, beside the job's; lines end as on Unix."""

    name: str
    text: str = ""
    problem: FileProblem | None = None

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def read_text_file(folder: Path | None, path: str) -> TextFile:
    """A file of a job's folder, at most 256 KB of UTF-8; what is wrong with it is told, not raised."""
    if folder is None:
        return TextFile(path, problem=FileProblem("a job that is no file has no folder to read from", "write the text inline"))
    name = str(folder / path)
    try:
        raw = _read(Store(LocalDriver(folder)), path.removeprefix("./"))
    except StoreError as problem:
        what, hint = _WHY.get(problem.code, (problem.message, problem.hint))
        return TextFile(name, problem=FileProblem(f"{path} {what}", hint))
    if len(raw) > MAX_TEXT_BYTES:
        return TextFile(name, problem=FileProblem(f"{path} has more than {MAX_TEXT_BYTES:,} bytes", "make it shorter"))
    return _decoded(name, raw)


def _read(store: Store, path: str) -> bytes:
    with store.open(path) as stream:
        return stream.read(MAX_TEXT_BYTES + 1)


def _decoded(name: str, raw: bytes) -> TextFile:
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start].decode("utf-8-sig", "replace").replace("\r\n", "\n")
        return TextFile(name, before, FileProblem("the file is not UTF-8", "save it as UTF-8", len(before)))
    if "\0" in text:
        return TextFile(
            name, text, FileProblem("a NUL character cannot be sent to a database", "leave it out", text.index("\0"))
        )
    return TextFile(name, text)
