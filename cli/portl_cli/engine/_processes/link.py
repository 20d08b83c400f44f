"""The way back to the host, inside a function's process."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from portl_cli.engine._host import Answer, Failed
from portl_cli.engine._processes.messages import read_answer
from portl_cli.engine._processes.wire import Closed, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portl_cli.engine._data import Json
    from portl_cli.engine._processes.wire import Document

GRACE_S = 2.0
"""How long a handler may take to clean up (roll back, keep what is done) after the host has gone."""

_GONE = Failed("Lambda.ServiceException", "The host has ended")


class WireLink:
    """A Link over a wire. A thread of its own reads, so that several calls can be under way while the handler works.

    When the host is gone the handler gets KeyboardInterrupt, as on Ctrl-C; the whole process group ends after GRACE_S.
    """

    def __init__(self, wire: Wire) -> None:
        self.invocations: queue.SimpleQueue[Document] = queue.SimpleQueue()
        self._wire = wire
        self._numbers = count()
        self._replies: dict[int, queue.SimpleQueue[Answer]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, document: Document) -> None:
        """Sends a document as it is; to a host that is gone nothing is sent."""
        try:
            self._wire.send(document)
        except Closed:
            return

    def send(self, document: Mapping[str, Json]) -> None:
        """See Link."""
        self.tell({"op": "message", "document": dict(document)})

    def invoke(self, function: str, payload: Json) -> Answer:
        """See Link."""
        number = next(self._numbers)
        reply = self._replies[number] = queue.SimpleQueue()
        try:
            self._wire.send({"op": "call", "number": number, "function": function, "payload": payload})
        except Closed:
            return _GONE
        answer = reply.get()
        del self._replies[number]
        return answer

    def _read(self) -> None:
        try:
            while True:
                document = self._wire.receive()
                if document["op"] == "reply":
                    self._replies[document["number"]].put(read_answer(document["answer"]))
                else:
                    self.invocations.put(document)
        except Closed:
            end_by_itself(list(self._replies.values()))


def end_by_itself(waiting: list[queue.SimpleQueue[Answer]]) -> None:
    """Lets the handler clean up, then ends this process and what it started."""
    main = threading.main_thread().ident or 0
    with suppress(OSError):  # without a guard what is left is killed only if the handler does not end in time
        _guard = _guard_group()
    for reply in waiting:
        reply.put(_GONE)
    signal.pthread_kill(main, signal.SIGINT)
    time.sleep(GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


_GUARD = """
import os, signal, sys, time
while os.getppid() == int(sys.argv[1]):
    time.sleep(0.02)
os.kill(0, signal.SIGKILL)
"""


def _guard_group() -> subprocess.Popen[bytes]:
    """Starts a process that kills this process group as soon as this process has ended, and itself with it.

    However the handler ends this process, what it started is still there. The guard belongs to the group, so the group's number
    cannot have become another's meanwhile. It asks for its parent and waits for no pipe: a fork of the handler could hold one.
    """
    command = [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid())]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)  # noqa: S603 - this interpreter
