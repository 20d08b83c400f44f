"""The process that worker processes are forked from.

The host's own process gets threads and must not fork; a new interpreter for each worker would load the libraries again (half a
second each). So one small process without threads loads them once and forks when it is asked to. Where the host's process has
no thread yet, this one is forked from it and finds most of them loaded (``fork``).

It is asked over a socket: a Spec, with the worker's end of its wire and the file for its pid and, at its end, its status.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from portl_cli.engine._processes.link import GRACE_S
from portl_cli.engine._processes.messages import read_spec
from portl_cli.engine._processes.wire import Closed, Wire
from portl_cli.engine._processes.worker import work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portl_cli.engine._processes.wire import Document

NUMBER = struct.Struct("!i")
"""A pid or a status on a worker's status file."""


def main(control: int, modules: Iterable[str]) -> None:
    """Forks workers until the host is gone, then sees to it that none is left.

    ``modules`` are imported first; ``module:function`` is called too, to ready what importing alone does not.
    """
    for name in modules:
        module, _, function = name.partition(":")
        found = import_module(module)
        if function:
            getattr(found, function)()
    nursery = _Nursery(socket.socket(fileno=control))
    nursery.serve()
    nursery.end()


def may_fork() -> bool:
    """Whether the nursery can be forked from this process: it has one thread and its standard streams are open.

    On Linux only: macOS's own libraries do not bear it. https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    open_streams = None not in (sys.stdin, sys.stdout, sys.stderr)
    return sys.platform == "linux" and threading.active_count() == 1 and open_streams


def fork(control: socket.socket, output: int, modules: Iterable[str]) -> Callable[[], object]:
    """Forks the nursery from this process; answers what waits for its end."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid == 0:
        _leave(lambda: _be_nursery(control.detach(), output, modules))
    return lambda: _wait(pid)


def _wait(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _be_nursery(control: int, output: int, modules: Iterable[str]) -> int:
    """Lays down what this process has of the one that it is a copy of: its files, signals and streams."""
    gc.freeze()  # nothing of it may be collected: it would close files by numbers that are others' by now
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(file, number)
    for file in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - names, not paths
        if file > 2 and file != control:  # noqa: PLR2004 - standard error
            with suppress(OSError):  # the listing's own
                os.close(file)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    sys.stdin, sys.stdout, sys.stderr = (
        _stream(0, "r"),
        _stream(1, "w"),
        _stream(2, "w", buffering=1, errors="backslashreplace"),
    )
    main(control, modules)
    return 0


def _stream(number: int, mode: str, *, buffering: int = -1, errors: str = "strict") -> TextIO:
    """A standard stream as Python makes it."""
    return cast("TextIO", open(number, mode, buffering, encoding="utf-8", errors=errors, closefd=False))


def _leave(be: Callable[[], int]) -> NoReturn:
    """What a forked process does, and its end: it must never come back into its parent's code."""
    code = 1
    try:
        code = be()
    except BaseException:  # noqa: BLE001 - told, whatever it is
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class _Nursery:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._status: dict[int, int] = {}
        self._woken, waking = socket.socketpair()
        waking.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        self._waking = waking

    def serve(self) -> None:
        with suppress(Closed, OSError):
            while True:
                ready, _, _ = select.select([self._control, self._woken], [], [])
                if self._woken in ready:
                    self._woken.recv(4096)
                    self._reap()
                if self._control in ready:
                    self._fork()

    def end(self) -> None:
        """Workers hear themselves that the host is gone; those that do not end in time are killed."""
        deadline = time.monotonic() + GRACE_S + 0.5
        while self._status and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.01)
        for pid in self._status:
            kill_group(pid)

    def _fork(self) -> None:
        document, end, status = _order(self._control)
        pid = os.fork()
        if pid == 0:
            _leave(lambda: self._be_worker(document, end, status))
        self._status[pid] = status
        os.close(end)
        os.write(status, NUMBER.pack(pid))

    def _be_worker(self, document: Document, end: int, status: int) -> int:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (self._control, self._woken, self._waking):
            one.close()
        for file in (status, *self._status.values()):
            os.close(file)
        return work(socket.socket(fileno=end), read_spec(document))

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, waited = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                status = self._status.pop(pid, None)
                if status is not None:
                    with suppress(OSError):
                        os.write(status, NUMBER.pack(os.waitstatus_to_exitcode(waited)))
                    os.close(status)


def _order(control: socket.socket) -> tuple[Document, int, int]:
    """The next worker to be made. The files come with the first byte, which stands before the document."""
    byte, files, _, _ = socket.recv_fds(control, 1, 2)
    if not byte:
        raise Closed
    document = Wire(control).receive()
    return document, files[0], files[1]


def kill_group(pid: int, *, alive: bool = True) -> None:
    """Kills what a process started and, if it is still there, the process itself, which may not lead its group yet."""
    for kill in (os.killpg, os.kill) if alive else (os.killpg,):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
