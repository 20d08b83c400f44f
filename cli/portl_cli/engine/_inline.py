"""The host that runs handlers in the engine's own process, one invocation at a time."""

from __future__ import annotations

import os
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portl.errors import SetupError
from portl_cli.engine._clock import Clock, SystemClock
from portl_cli.engine._handler import Handler, load_handler
from portl_cli.engine._host import Answer, Failed, call, function_name, round_trip, unknown_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portl_cli.engine._data import Json
    from portl_cli.engine.template import Function


class LambdaContext:
    """What a handler gets beside its event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_version = "$LATEST"

    def __init__(self, function: Function, clock: Clock) -> None:
        self.function_name = function.name
        self.memory_limit_in_mb = str(function.memory)
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{function.name}"
        self.aws_request_id = str(uuid.uuid4())
        self._clock = clock
        self._end = clock.now() + timedelta(seconds=function.timeout)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout, never below 0."""
        return max(0, int((self._end - self._clock.now()).total_seconds() * 1000))

    def overdue(self, now: datetime) -> bool:
        """Whether the function ran past its timeout."""
        return now > self._end


class InlineHost:
    """Runs the handlers of a template in this process.

    A handler is loaded at its first invocation and kept. A function's environment is set then, once; a variable that the
    process has already is left as it is, so that a run can override a template. A handler cannot be stopped: one that
    comes back after its timeout has timed out.
    """

    slots = 1

    def __init__(self, functions: Mapping[str, Function], clock: Clock | None = None) -> None:
        self._functions = functions
        self._clock = clock or SystemClock()
        self._handlers: dict[str, Handler] = {}
        self._given: dict[str, tuple[str, str]] = {}

    def invoke(self, function: str, payload: Json) -> Answer:
        """Runs a handler to its end.

        Raises:
            SetupError: V205, two functions want different values of one variable, which a single process cannot give.
        """
        name = function_name(function)
        target = self._functions.get(name)
        if target is None:
            return unknown_function(function)
        handler = self._handler(name, target)
        if isinstance(handler, Failed):
            return handler
        event = round_trip(payload)
        context = LambdaContext(target, self._clock)
        answer = call(lambda: handler(event, context), context.aws_request_id)
        return _timed_out(target, context) if context.overdue(self._clock.now()) else answer

    def stop(self) -> None:
        """See FunctionHost; a handler of this process cannot be stopped."""

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


def _timed_out(function: Function, context: LambdaContext) -> Failed:
    message = f"RequestId: {context.aws_request_id} Error: Task timed out after {function.timeout:.2f} seconds"
    return Failed("Sandbox.Timedout", message)
