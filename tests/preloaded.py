"""``portl`` in a process of its own, forked from one that has loaded it already.

Most of a command's time is loading (half a second of a processor), and the suite runs hundreds. What a process is made of stays
real: its own memory, folder, environment, standard streams, signals and exit code. Where the start itself is tested, or how a
process ends, tests start the interpreter anew (see flows.support.start).
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

NUMBER = struct.Struct("!i")
PACKAGES = ("portl_cli.commands", "portl_cli.engine._processes", "portl.steps")
MODULES = (
    "portl_cli.main",
    "portl_cli.engine._interpreter",
    "portl.connections._postgres",
    "portl.runs._logger",
    "rich.markdown",
)
READIED = (("portl.connections._http", "ready"), ("portl_cli.page.page", "_template"))
"""What takes long the first time."""


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Runs ``portl`` to its end.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        order = {"arguments": [*arguments], "folder": str(folder), "environment": dict(environment)}
        code = _end_of(_ask(order, out, err), timeout, arguments)
        texts = [_text(stream) for stream in (out, err)]
    return subprocess.CompletedProcess(["portl", *arguments], code, *texts)


def _ask(order: Mapping[str, Any], out: IO[bytes], err: IO[bytes]) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_loaded(), [b"o"], [theirs.fileno(), out.fileno(), err.fileno()])
    text = json.dumps(order).encode()
    ours.sendall(NUMBER.pack(len(text)) + text)
    return ours


def _end_of(told: socket.socket, timeout: float, arguments: Sequence[str]) -> int:
    with told:
        pid = _number(told)
        told.settimeout(timeout)
        try:
            return _number(told)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["portl", *arguments], timeout) from None


def _number(told: socket.socket) -> int:
    return int(NUMBER.unpack(_exactly(told, NUMBER.size))[0])


def _exactly(stream: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = stream.recv(count - len(found))
        if not more:
            raise EOFError("the process that portl is forked from has ended")
        found += more
    return found


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode().replace("\r\n", "\n")


@cache
def _loaded() -> socket.socket:
    """The way to the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair()
    code = f"import sys; sys.path.insert(1, {str(Path(__file__).parent)!r}); import preloaded; del sys.path[1]; "
    code += f"preloaded.serve({theirs.fileno()}); from portl_cli.main import main; main()"
    command = [sys.executable, "-c", code]
    with theirs:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def serve(control: int) -> None:
    """Loads Portl and forks until nobody asks any more. It comes back in each forked process, which then is ``portl``."""
    for package in map(import_module, PACKAGES):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in MODULES:
        import_module(name)
    for module, function in READIED:
        getattr(import_module(module), function)()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    asked = socket.socket(fileno=control)
    while True:
        byte, files, _, _ = socket.recv_fds(asked, 1, 3)
        if not byte:
            sys.exit(0)
        if os.fork() == 0:
            asked.close()
            _fork_and_wait(*files)
            return
        for file in files:
            os.close(file)


def _fork_and_wait(told: int, out: int, err: int) -> None:
    """Comes back in the forked process; the other one tells its pid and its status, and ends."""
    with socket.socket(fileno=told) as asker:
        order = json.loads(_exactly(asker, NUMBER.unpack(_exactly(asker, NUMBER.size))[0]))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pid = os.fork()
        if pid:
            asker.sendall(NUMBER.pack(pid))
            asker.sendall(NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
            os._exit(0)
    _become(order, out, err)


def _become(order: Mapping[str, Any], out: int, err: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    os.chdir(order["folder"])
    for stream, own in ((out, 1), (err, 2)):
        os.dup2(stream, own)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - the process's own, until it ends
        for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    sys.stderr.reconfigure(line_buffering=True)
    sys.argv = ["-c", *order["arguments"]]
