"""One file of a zip as a stream."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any, BinaryIO, TypeVar

from portl.errors import CsvError, Place

READ_BYTES = 256 * 1024
SHOWN = 20
"""So many names of a zip are told."""
_BESIDE = "__MACOSX/"
"""Where macOS puts what it knows of the files: nobody means these."""
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
Answer = TypeVar("Answer")


def open_member(stream: BinaryIO, name: str, wanted: str | None) -> BinaryIO:
    """The file ``wanted`` of a zip, or its only one.

    Raises:
        CsvError: C117, it is no zip, or is broken (also while it is read); C118, there is no such file, there are several, or
            it cannot be read without a password.
    """
    archive = _or_broken(name, lambda: zipfile.ZipFile(stream))
    names = [each.filename for each in archive.infolist() if not each.is_dir() and not each.filename.startswith(_BESIDE)]
    found = _chosen(names, name, wanted)
    try:
        member = _or_broken(name, lambda: archive.open(found))
    except (RuntimeError, NotImplementedError) as problem:
        text = f"{found} of the zip cannot be read: {problem}"
        raise _no_member(text, name, "make the zip without a password, with deflate") from problem
    return io.BufferedReader(_Member(member, name), READ_BYTES)


def _chosen(names: list[str], name: str, wanted: str | None) -> str:
    told = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    if not names:
        raise _no_member("the zip holds no file", name, "look at what made it")
    if wanted is None and len(names) > 1:
        raise _no_member(f"the zip holds {len(names)} files: {told}", name, "write member: with one of them")
    if wanted is not None and wanted not in names:
        raise _no_member(f"the zip has no {wanted}; it holds {told}", name, "write one of them as member")
    return wanted or names[0]


def _no_member(text: str, name: str, hint: str) -> CsvError:
    return CsvError(text, code="C118", hint=hint, place=Place(file=name))


def _or_broken(name: str, do: Callable[[], Answer]) -> Answer:
    try:
        return do()
    except _DAMAGE as problem:
        reason = str(problem) or "it ends in the middle: the file is cut off"
        text = f"the zip is broken: {reason[:1].lower()}{reason[1:]}"
        hint = "copy the file again from where it came, and test it there"
        raise CsvError(text, code="C117", hint=hint, place=Place(file=name)) from problem


class _Member(io.RawIOBase):
    """Reads on, and tells what is broken as such; the checksum is compared at the end."""

    def __init__(self, member: IO[bytes], name: str) -> None:
        super().__init__()
        self._member, self._name = member, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = _or_broken(self._name, lambda: self._member.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)
