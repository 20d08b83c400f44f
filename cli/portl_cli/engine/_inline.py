"""The host that runs handlers in the engine's own process, one invocation at a time."""

from __future__ import annotations

import json
import os
import threading
import traceback
import uuid
from typing import TYPE_CHECKING, TypeVar

from portl.errors import SetupError
from portl_cli.engine._clock import Clock, SystemClock
from portl_cli.engine._context import LambdaContext
from portl_cli.engine._handler import Handler, load_handler
from portl_cli.engine._hooks import Hook, install
from portl_cli.engine._host import (
    Answer,
    Failed,
    call,
    exit_status,
    exited,
    function_name,
    request_text,
    round_trip,
    timed_out,
    unknown_function,
)
from portl_cli.engine._limits import AWS_LIMITS, Limits
from portl_cli.engine._processes.output import Printed, to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portl_cli.engine._data import Json
    from portl_cli.engine.template import Function

_T = TypeVar("_T")


class InlineHost:
    """Runs the handlers of a template in this process.

    A handler is loaded at its first invocation and kept. A function's environment is set then, once; a variable that the
    process has already is left as it is, so that a run can override a template. A handler cannot be stopped: one that
    comes back after its timeout has timed out. ``hooks`` are called before the first one, ``on_message`` gets what they send,
    ``on_output`` each line that a function prints (default: standard error). KeyboardInterrupt goes through: whether a handler
    raised it or somebody pressed Ctrl-C cannot be told here.
    """

    slots = 1

    def __init__(
        self,
        functions: Mapping[str, Function],
        clock: Clock | None = None,
        *,
        limits: Limits = AWS_LIMITS,
        hooks: Sequence[Hook] = (),
        on_message: Callable[[dict[str, Json]], None] | None = None,
        on_output: Callable[[str], None] = to_stderr,
    ) -> None:
        self._functions = functions
        self._clock = clock or SystemClock()
        self._limits = limits
        self._handlers: dict[str, Handler] = {}
        self._given: dict[str, tuple[str, str]] = {}
        self._hooks: Sequence[Hook] = hooks
        self._printed = Printed(on_output)
        self._link = _InlineLink(self, self._printed, on_message)

    def invoke(self, function: str, payload: Json) -> Answer:
        """Runs a handler to its end.

        Raises:
            SetupError: V205, two functions want different values of one variable, which a single process cannot give.
        """
        name = function_name(function)
        target = self._functions.get(name)
        if target is None:
            return unknown_function(function)
        text = request_text(payload, self._limits.request)
        if isinstance(text, Failed):
            return text
        with self._printed.taken():
            return self._run(name, target, text)

    def stop(self) -> None:
        """See FunctionHost; a handler of this process cannot be stopped."""

    def close(self) -> None:
        """Nothing stays open."""

    def _run(self, name: str, function: Function, text: str) -> Answer:
        hooks, self._hooks = self._hooks, ()
        install(hooks, self._link)
        handler = _contained(lambda: self._handler(name, function), str(uuid.uuid4()))
        return handler if isinstance(handler, Failed) else self._answer(function, handler, text)

    def _answer(self, function: Function, handler: Handler, text: str) -> Answer:
        context = LambdaContext(function, self._clock)
        event, request_id = json.loads(text), context.aws_request_id
        answer = _contained(lambda: call(lambda: handler(event, context), request_id, self._limits.response), request_id)
        return timed_out(function.timeout, request_id) if context.overdue(self._clock.now()) else answer

    def _handler(self, name: str, function: Function) -> Handler | Failed:
        if name in self._handlers:
            return self._handlers[name]
        self._apply_environment(function)
        handler = load_handler(function)
        if not isinstance(handler, Failed):
            self._handlers[name] = handler
        return handler

    def _apply_environment(self, function: Function) -> None:
        for variable, value in function.environment.items():
            first, given = self._given.get(variable, (function.name, value))
            if given != value:
                raise SetupError(
                    f"{first} and {function.name} want different values of {variable} in one process",
                    code="V205",
                    hint=f"set {variable} in the environment of the run; it then holds for both",
                )
            if variable not in os.environ:
                os.environ[variable] = value
                self._given[variable] = (function.name, value)


def _contained(do: Callable[[], _T], request_id: str) -> _T | Failed:
    """What ends the process of a function that has one of its own ends no more than its invocation here."""
    try:
        return do()
    except (Exception, KeyboardInterrupt):
        raise
    except SystemExit as leaving:
        return exited(exit_status(leaving), request_id)
    except BaseException:  # noqa: BLE001 - as above
        traceback.print_exc()
        return exited(1, request_id)


class _InlineLink:
    """The Link of a host without processes: functions that functions call run one at a time, too."""

    def __init__(self, host: InlineHost, printed: Printed, on_message: Callable[[dict[str, Json]], None] | None) -> None:
        self._host = host
        self._printed = printed
        self._on_message = on_message
        self._lock = threading.RLock()

    def send(self, document: Mapping[str, Json]) -> None:
        if self._on_message is not None:
            with self._lock, self._printed.left():
                self._on_message(round_trip(dict(document)))

    def invoke(self, function: str, payload: Json) -> Answer:
        with self._lock:
            return self._host.invoke(function, payload)
