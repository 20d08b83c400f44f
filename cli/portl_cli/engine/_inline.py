"""The host that runs handlers in the engine's own process, one invocation at a time."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portl_cli.engine._data import Json
    from portl_cli.engine.template import Function


class InlineHost:
    """Runs the handlers of a template in this process.

    A handler is loaded at its first invocation and kept. A function's environment is set then, once; a variable that the
    process has already is left as it is, so that a run can override a template. A handler cannot be stopped: one that
    comes back after its timeout has timed out. ``hooks`` are called before the first one, ``on_message`` gets what they send.
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
    ) -> None:
        self._functions = functions
        self._clock = clock or SystemClock()
        self._limits = limits
        self._handlers: dict[str, Handler] = {}
        self._given: dict[str, tuple[str, str]] = {}
        self._hooks: Sequence[Hook] = hooks
        self._link = _InlineLink(self, on_message)

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
        hooks, self._hooks = self._hooks, ()
        install(hooks, self._link)
        handler = self._handler(name, target)
        return handler if isinstance(handler, Failed) else self._answer(target, handler, text)

    def stop(self) -> None:
        """See FunctionHost; a handler of this process cannot be stopped."""

    def close(self) -> None:
        """Nothing stays open."""

    def _answer(self, function: Function, handler: Handler, text: str) -> Answer:
        context = LambdaContext(function, self._clock)
        event = json.loads(text)
        try:
            answer = call(lambda: handler(event, context), context.aws_request_id, self._limits.response)
        except SystemExit as leaving:
            answer = exited(exit_status(leaving), context.aws_request_id)
        overdue = context.overdue(self._clock.now())
        return timed_out(function.timeout, context.aws_request_id) if overdue else answer

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


class _InlineLink:
    """The Link of a host without processes: functions that functions call run one at a time, too."""

    def __init__(self, host: InlineHost, on_message: Callable[[dict[str, Json]], None] | None) -> None:
        self._host = host
        self._on_message = on_message
        self._lock = threading.RLock()

    def send(self, document: Mapping[str, Json]) -> None:
        if self._on_message is not None:
            with self._lock:
                self._on_message(round_trip(dict(document)))

    def invoke(self, function: str, payload: Json) -> Answer:
        with self._lock:
            return self._host.invoke(function, payload)
