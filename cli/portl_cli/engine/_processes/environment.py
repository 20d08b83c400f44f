"""One execution environment as its host sees it: a process that runs one function, one invocation at a time.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from portl_cli.engine._host import Answer, Failed, exited, timed_out
from portl_cli.engine._processes.messages import answer_document, read_answer
from portl_cli.engine._processes.nursery import NUMBER, kill_group
from portl_cli.engine._processes.wire import Closed, Late, Wire, readable, receive_any

if TYPE_CHECKING:
    from collections.abc import Callable

    from portl_cli.engine._data import Json
    from portl_cli.engine._processes.wire import Document
    from portl_cli.engine.template import Function

INIT_S = 10
"""How long a function may take to load, on top of its timeout: as on Lambda a slow start is tried again in the invocation."""

STOPPED = Failed("Lambda.ServiceException", "The host was stopped")
"""The answer of a host that is at its end."""

_KILLED = -9


class Owner(Protocol):
    """What an environment turns to: its host."""

    def message(self, document: dict[str, Json]) -> None:
        """A hook sent this."""

    def called(self, environment: Environment, document: Document) -> None:
        """The function in the environment calls another one, and waits for ``reply``."""


@dataclass(frozen=True, slots=True)
class Process:
    """A function's process.

    ``wires`` are all that it speaks on, the first takes invocations and the last replies; ``status`` is a file from which its
    exit status can be read once it ended. ``discard`` gives back what the host opened for it.
    """

    pid: int
    wires: tuple[Wire, ...]
    status: int
    discard: Callable[[], None]


class Environment:
    """Runs invocations of one function; ``usable`` says whether another one may follow, ``depth`` how deep it was called."""

    def __init__(self, function: Function, process: Process, owner: Owner) -> None:
        self.usable = True
        self.depth = 0
        self._function = function
        self._process = process
        self._owner = owner
        self._ready = False
        self._shut = False

    def alive(self) -> bool:
        """Whether the process is still there to be asked."""
        with suppress(Late):
            return not readable([self._process.status], time.monotonic())
        return True

    def invoke(self, payload: Json) -> Answer:
        """Runs the function once. Whoever calls gives an environment that is not ``usable`` back with ``end``."""
        request_id = str(uuid.uuid4())
        seconds = self._function.timeout
        try:
            if not self._ready:
                broken = self._start(seconds)
                if broken is not None:
                    return broken
            self._process.wires[0].send({"op": "invoke", "event": payload, "request_id": request_id})
            told = self._await(("answer",), seconds)
            self._hear_out()
            self.usable = not told.get("last", False)
            return read_answer(told["answer"])
        except Late:
            self.usable = False
            self.kill()
            return timed_out(seconds, request_id)
        except Closed:
            self.usable = False
            return STOPPED if self._shut else exited(self._status(), request_id)
        except BaseException:
            self.usable = False
            raise

    def reply(self, number: int, answer: Answer) -> None:
        """Answers a call of the function; one that ended meanwhile needs no answer."""
        with suppress(Closed):
            self._process.wires[-1].send({"op": "reply", "number": number, "answer": answer_document(answer)})

    def shut(self) -> None:
        """Tells the process that its host is gone: it cleans up and ends."""
        self._shut = True
        for wire in self._process.wires:
            wire.shut()

    def kill(self) -> None:
        """Kills the process and what it started, at once."""
        kill_group(self._process.pid, alive=self.alive())

    def end(self) -> None:
        """Kills what is left of the process and gives back what it held."""
        self.kill()
        for wire in self._process.wires:
            wire.close()
        os.close(self._process.status)
        self._process.discard()

    def _start(self, seconds: float) -> Failed | None:
        """Waits until the function is loaded; answers what stopped it."""
        told = self._await(("ready", "broken"), INIT_S + seconds)
        if told["op"] == "ready":
            self._ready = True
            return None
        self.usable = False
        answer = read_answer(told["answer"])
        return answer if isinstance(answer, Failed) else None

    def _await(self, wanted: tuple[str, ...], seconds: float) -> Document:
        deadline = time.monotonic() + seconds
        while True:
            document = receive_any(self._process.wires, deadline, self._process.status)
            if document["op"] in wanted:
                return document
            self._heed(document)

    def _hear_out(self) -> None:
        """Takes what was sent before the answer, and on another wire than it."""
        with suppress(Late, Closed):
            while others := self._process.wires[1:]:
                self._heed(receive_any(others, time.monotonic()))

    def _heed(self, document: Document) -> None:
        if document["op"] == "message":
            self._owner.message(document["document"])
        elif document["op"] == "call":
            self._owner.called(self, document)

    def _status(self) -> int:
        """The status of a process that does not speak any more; one that does not end is killed."""
        try:
            readable([self._process.status], time.monotonic() + 1)
        except Late:
            self.kill()
            with suppress(Late):
                readable([self._process.status], time.monotonic() + 1)
        try:
            return int(NUMBER.unpack(os.read(self._process.status, NUMBER.size))[0])
        except (OSError, ValueError, BlockingIOError):
            return _KILLED
