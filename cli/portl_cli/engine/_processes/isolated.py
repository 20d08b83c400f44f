"""The host of ``--isolate``: AWS's own Python runtime client, fed by a Runtime API of our own.

https://github.com/aws/aws-lambda-python-runtime-interface-client
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING

from portl.errors import SetupError
from portl_cli.engine._limits import AWS_LIMITS, Limits
from portl_cli.engine._processes.environment import Process
from portl_cli.engine._processes.link import GRACE_S
from portl_cli.engine._processes.nursery import NUMBER, kill_group
from portl_cli.engine._processes.output import Output, to_stderr
from portl_cli.engine._processes.pool import ProcessHost
from portl_cli.engine._processes.runtime_api import RuntimeApi
from portl_cli.engine._processes.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portl_cli.engine._data import Json
    from portl_cli.engine._hooks import Hook
    from portl_cli.engine.template import Function

_RUNTIME = "AWS_Lambda_python3.13"
"""What the client takes itself to run on, whichever interpreter is here: before 3.12 it would escape all that is not ASCII."""

_CODE = "import json,sys; sys.path[:] = json.loads(sys.argv[1]); from portl_cli.engine._processes import bootstrap; "
_CODE += "bootstrap.main(int(sys.argv[2]), *sys.argv[3:])"


class IsolateHost(ProcessHost):
    """Runs the handlers of a template as Lambda does: a new interpreter each, under AWS's runtime client. Linux only.

    The function's folder and then its layers come first on its path, as /var/task and /opt/python do. See ``WorkerHost`` for
    the rest. ``python`` is another interpreter, which has the client: a function then has nothing but its folder, its layers,
    what is installed there, and the template's variables. It takes no hooks: functions reach others as on AWS, or not at all.

    Raises:
        SetupError: V207, this is not Linux, or the client is not installed.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        slots: int | None = None,
        limits: Limits = AWS_LIMITS,
        hooks: Sequence[Hook] = (),
        on_message: Callable[[dict[str, Json]], None] | None = None,
        on_output: Callable[[str], None] = to_stderr,
        python: str = "",
    ) -> None:
        if not python:
            demand_client(sys.platform)
        launcher = _Interpreters(limits, tuple(hooks), Output(on_output), python)
        super().__init__(functions, launcher, slots=slots, limits=limits, on_message=on_message)


def demand_client(platform: str) -> None:
    """Raises V207 where AWS's runtime client cannot run."""
    if platform != "linux":
        text = "AWS's Python runtime client runs on Linux only"
        raise SetupError(text, code="V207", hint="leave out --isolate; a GitHub runner of ubuntu can run it")
    if find_spec("awslambdaric") is None:
        text = "AWS's Python runtime client (awslambdaric) is not installed"
        raise SetupError(text, code="V207", hint="pip install 'portl-serverless[isolate]', or leave out --isolate")


class _Interpreters:
    """The launcher: a new interpreter for each environment."""

    def __init__(self, limits: Limits, hooks: tuple[Hook, ...], output: Output, python: str) -> None:
        self._limits = limits
        self._python = python
        self._hooks = json.dumps([asdict(hook) for hook in hooks])
        self._output = output
        output.start()
        self._waiters: dict[int, threading.Thread] = {}

    def launch(self, function: Function) -> Process:
        """See Launcher."""
        api = RuntimeApi(function, self._limits.response)
        if self._python:
            return self._bare(function, api)
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _CODE, json.dumps(_path(function)), str(theirs.fileno()), self._hooks]
            process = subprocess.Popen(  # noqa: S603 - this interpreter
                [*command, function.handler],
                env=_environment(function, api.address),
                stdin=subprocess.DEVNULL,
                stdout=self._output.file,
                stderr=self._output.file,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return Process(process.pid, (api.wire, Wire(ours)), self._status(process), api.close)

    def _bare(self, function: Function, api: RuntimeApi) -> Process:
        """A process as Lambda's: nothing of this one's packages or variables."""
        process = subprocess.Popen(  # noqa: S603 - the interpreter that the host was given
            [self._python, "-m", "awslambdaric", function.handler],
            env=_bare_environment(function, api.address),
            cwd=function.code_dir,
            stdin=subprocess.DEVNULL,
            stdout=self._output.file,
            stderr=self._output.file,
            start_new_session=True,
        )
        return Process(process.pid, (api.wire,), self._status(process), api.close)

    def close(self) -> None:
        """See Launcher."""
        for pid, waiter in list(self._waiters.items()):
            waiter.join(GRACE_S + 1)
            if waiter.is_alive():
                kill_group(pid)
                waiter.join()
        self._output.close()

    def _status(self, process: subprocess.Popen[bytes]) -> int:
        status, told = os.pipe()

        def wait() -> None:
            code = process.wait()
            with suppress(OSError):
                os.write(told, NUMBER.pack(code))
            os.close(told)

        waiter = self._waiters[process.pid] = threading.Thread(target=wait, daemon=True)
        waiter.start()
        return status


def _own_path(function: Function) -> list[str]:
    layers = [layer / "python" if (layer / "python").is_dir() else layer for layer in function.layers]
    return [str(folder.resolve()) for folder in (function.code_dir, *layers)]


def _path(function: Function) -> list[str]:
    own = _own_path(function)
    return [*own, *(os.path.abspath(entry) for entry in sys.path)]  # noqa: PTH100 - "" is the folder of now, Path keeps it "."


def _environment(function: Function, address: str) -> dict[str, str]:
    return {**function.environment, **os.environ, **_runtime_variables(function, address)}


def _bare_environment(function: Function, address: str) -> dict[str, str]:
    own = {"PATH": os.defpath, "LANG": "en_US.UTF-8", "PYTHONPATH": os.pathsep.join(_own_path(function))}
    return {**own, **function.environment, **_runtime_variables(function, address)}


def _runtime_variables(function: Function, address: str) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime."""
    return {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_EXECUTION_ENV": _RUNTIME,
        "LAMBDA_TASK_ROOT": str(function.code_dir),
        "_HANDLER": function.handler,
    }
