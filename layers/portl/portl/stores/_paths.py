"""What may be a path of a store: relative, with ``/``, kept as it is written byte for byte."""

from __future__ import annotations

import re

from portl.errors import InvalidPath

_REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]|^[A-Za-z]:")


class ExactKey(str):
    """An object's key as it stands, that no rule for paths is applied to: what an event names, or what a listing met."""

    __slots__ = ()


MOST_BYTES = 1_024
"""The longest key of S3 and Azure. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


def checked(path: str) -> str:
    """The path of a file, when it is one.

    Raises:
        InvalidPath: it is absolute, leads upwards, is longer than 1,024 bytes, or holds a backslash, a drive letter, a control
            character or half a surrogate pair.
    """
    if isinstance(path, ExactKey):
        return path
    why = wrong(path)
    if why:
        raise InvalidPath(f"{path!r} is no path in a store: {why}", hint="a relative path with / and no ..", path=path)
    return path


def folder(path: str) -> str:
    """The path of a folder with one ``/`` behind it; the root, written as an empty text, stays empty. Raises as ``checked``."""
    return checked(path.removesuffix("/")) + "/" if path else ""


def wrong(path: str) -> str:
    """Why it is no path; empty when it is one."""
    if not path:
        return "it is empty"
    if path.startswith("/"):
        return "it begins with /"
    found = _REFUSED.search(path)
    if found:
        return f"it holds {found[0]!r}"
    parts = path.split("/")
    if ".." in parts or "." in parts:
        return "it holds a . or .. of its own"
    if "" in parts:
        return "a part of it is empty"
    return f"it is longer than {MOST_BYTES:,} bytes" if len(path.encode()) > MOST_BYTES else ""
