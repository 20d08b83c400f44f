"""A long blob of Azure on its way: in blocks that nobody sees before the list of them is put.

https://learn.microsoft.com/en-us/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping

from portl.stores._entries import Entry

BLOCKS_OF_A_SIZE = 10_000
"""After so many blocks they become twice as large: a blob must not have more than 50,000.

https://learn.microsoft.com/en-us/azure/storage/blobs/scalability-targets
"""
COPIED_AT_ONCE = 256 * 1024**2
"""The most that one call copies before it answers. https://learn.microsoft.com/en-us/rest/api/storageservices/copy-blob-from-url"""


Put = Callable[[Mapping[str, str], Mapping[str, str], bytes], Mapping[str, str]]
"""Puts something beside the blob or into it: query, headers, body; answers headers, by lower names."""


class Blocks:
    """A blob in blocks. ``put`` sends one, ``show`` the list of them, on the condition of the write."""

    def __init__(self, key: str, first_bytes: int, put: Put, show: Put) -> None:
        self._key, self._first_bytes, self._put, self._show = key, first_bytes, put, show
        self._mark = secrets.token_hex(16)
        """So that the blocks of two writers are never taken for each other's: all are kept beside the one blob."""
        self._count = self._size = 0

    @property
    def part_bytes(self) -> int:
        """How large the next block is."""
        return self._first_bytes << (self._count // BLOCKS_OF_A_SIZE)

    def part(self, data: bytes) -> None:
        """See Upload. Azure compares the MD5 that is sent along."""
        self._put(self._next(), {"Content-MD5": md5(data)}, data)
        self._count += 1
        self._size += len(data)

    def copy(self, source: Mapping[str, str], size: int) -> None:
        """Takes another blob's bytes, on the server, and shows the blob."""
        for start in range(0, size, COPIED_AT_ONCE):
            end = min(start + COPIED_AT_ONCE, size)
            self._put(self._next(), {**source, "x-ms-source-range": f"bytes={start}-{end - 1}"}, b"")
            self._count += 1
        self._size = size
        self.commit()

    def commit(self) -> Entry:
        """See Upload."""
        listed = "".join(f"<Latest>{self._id(number)}</Latest>" for number in range(self._count))
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        made = self._show({"comp": "blocklist"}, {}, body)
        return Entry(self._key, size=self._size, etag=made["etag"], version=made.get("x-ms-version-id"))

    def abort(self) -> None:
        """See Upload. There is no call for it: blocks that no list names are seen by nobody, and gone after a week."""

    def _next(self) -> dict[str, str]:
        return {"comp": "block", "blockid": self._id(self._count)}

    def _id(self, number: int) -> str:
        return base64.b64encode(f"{self._mark}{number:08}".encode()).decode()


def md5(data: bytes) -> str:
    """The hash of what is sent, as Azure compares it with what it has received."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
