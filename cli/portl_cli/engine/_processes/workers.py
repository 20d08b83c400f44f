"""The host of worker processes."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from portl.errors import SetupError
from portl_cli.engine._limits import AWS_LIMITS, Limits
from portl_cli.engine._processes.environment import Process
from portl_cli.engine._processes.messages import Spec, spec_document
from portl_cli.engine._processes.nursery import NUMBER, fork, may_fork
from portl_cli.engine._processes.output import Output, to_stderr
from portl_cli.engine._processes.pool import ProcessHost
from portl_cli.engine._processes.wire import Closed, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portl_cli.engine._data import Json
    from portl_cli.engine._hooks import Hook
    from portl_cli.engine.template import Function

_CODE = "import json,sys; sys.path[:] = json.loads(sys.argv[2]); from portl_cli.engine._processes import nursery; "
_CODE += "nursery.main(int(sys.argv[1]), json.loads(sys.argv[3]))"


class WorkerHost(ProcessHost):
    """Runs the handlers of a template in worker processes, forked from one that has the libraries loaded.

    ``slots`` is how many Tasks run at once (default: the processors). ``modules`` are loaded once for all workers, and where
    one is given as ``module:function`` that is called once. ``hooks`` are called in each worker, ``on_message`` gets what they
    send, ``on_output`` each line that a function prints (default: standard error). Both are called by threads of the host, one
    call at a time.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        slots: int | None = None,
        limits: Limits = AWS_LIMITS,
        modules: Sequence[str] = (),
        hooks: Sequence[Hook] = (),
        on_message: Callable[[dict[str, Json]], None] | None = None,
        on_output: Callable[[str], None] = to_stderr,
    ) -> None:
        launcher = _Nursery(limits, modules, tuple(hooks), Output(on_output))
        super().__init__(functions, launcher, slots=slots, limits=limits, on_message=on_message)


class _Nursery:
    """The launcher of workers: its process forks them."""

    def __init__(self, limits: Limits, modules: Sequence[str], hooks: tuple[Hook, ...], output: Output) -> None:
        self._limits = limits
        self._hooks = hooks
        self._output = output
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._ended = fork(theirs, output.file, modules) if may_fork() else self._start(theirs, output.file, modules)
        output.start()

    @staticmethod
    def _start(control: socket.socket, output: int, modules: Sequence[str]) -> Callable[[], object]:
        """Starts an interpreter; answers what waits for its end."""
        path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - "" is the folder of now, which Path keeps as "."
        command = [sys.executable, "-c", _CODE, str(control.fileno()), json.dumps(path), json.dumps([*modules])]
        process = subprocess.Popen(  # noqa: S603 - this interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[control.fileno()],
            start_new_session=True,
        )
        return process.wait

    def launch(self, function: Function) -> Process:
        """See Launcher."""
        spec = Spec(
            function=function,
            environment={**function.environment, **os.environ},
            folder=os.getcwd(),  # noqa: PTH109 - text, as it goes over a wire
            response=self._limits.response,
            path=tuple(os.path.abspath(entry) for entry in sys.path),  # noqa: PTH100 - as above
            hooks=self._hooks,
        )
        ours, theirs = socket.socketpair()
        status, told = os.pipe()
        with self._lock, theirs:
            try:
                socket.send_fds(self._control, [b"w"], [theirs.fileno(), told])
                Wire(self._control).send(spec_document(spec))
                os.close(told)
                pid = NUMBER.unpack(os.read(status, NUMBER.size))[0]
            except (OSError, Closed, struct.error) as problem:
                ours.close()
                os.close(status)
                hint = "what it printed stands before this"
                raise SetupError("the process that starts workers has ended", code="V206", hint=hint) from problem
        return Process(pid, (Wire(ours),), status, lambda: None)

    def close(self) -> None:
        """See Launcher."""
        self._control.close()
        self._ended()
        self._output.close()
