"""JSON documents over a socket: four bytes of length, then ASCII."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Document = dict[str, Any]

_HEAD = struct.Struct("!I")
_READ = 256 * 1024


class Closed(Exception):
    """The other side is gone."""


class Late(Exception):
    """Nothing came in time."""


class Wire:
    """One end. Many threads may send; one receives."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._sending = threading.Lock()
        self._buffer = bytearray()

    def send(self, document: Document) -> None:
        """Sends a document.

        Raises:
            Closed: nobody is there to get it.
            ValueError: it holds NaN or Infinity.
            TypeError: it is no JSON.
        """
        data = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
        try:
            with self._sending:
                self.end.sendall(_HEAD.pack(len(data)) + data)
        except OSError as problem:
            raise Closed from problem

    def receive(self, deadline: float | None = None, watched: int | None = None) -> Document:
        """The next document; see ``receive_any``."""
        return receive_any([self], deadline, watched)

    def shut(self) -> None:
        """Ends the talk for both sides; who waits in ``receive`` gets Closed. The file itself stays open until ``close``."""
        try:
            self.end.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Gives the file back."""
        self.end.close()

    def read(self) -> None:
        """Takes in what has arrived; raises Closed when the other side is gone."""
        try:
            data = self.end.recv(_READ)
        except OSError as problem:
            raise Closed from problem
        if not data:
            raise Closed
        self._buffer += data

    def taken(self) -> Document | None:
        """The next document, if all of it has arrived."""
        if len(self._buffer) < _HEAD.size:
            return None
        end = _HEAD.size + _HEAD.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        document: Document = json.loads(self._buffer[_HEAD.size : end])
        del self._buffer[:end]
        return document


def receive_any(wires: Sequence[Wire], deadline: float | None = None, watched: int | None = None) -> Document:
    """The next document of any of the wires.

    ``deadline`` is of ``time.monotonic``; ``watched`` is a file that becomes readable when nothing more can come.

    Raises:
        Late: the deadline is over.
        Closed: an other side is gone, or ``watched`` says so.
    """
    while True:
        for wire in wires:
            document = wire.taken()
            if document is not None:
                return document
        files = {wire.end.fileno(): wire for wire in wires}
        ready = readable([*files, *([] if watched is None else [watched])], deadline)
        if not ready & set(files):
            raise Closed
        for file in ready & set(files):
            files[file].read()


def readable(files: Iterable[int], deadline: float | None) -> set[int]:
    """Which of the files can be read, as soon as one can.

    Raises:
        Late: none before the deadline.
    """
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    found = poll.poll(left)
    if not found:
        raise Late
    return {file for file, _ in found}
