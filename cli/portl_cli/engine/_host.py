"""The seam to functions, and its public fake. ``docs/engine.md`` says which host is for what."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from portl_cli.engine._data import Json, deeper, larger, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


MOST_NESTED = 1000
"""How deep an answer may be nested: what the engine's expressions can still walk through. Lambda names no limit."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A function answered; ``payload`` is JSON."""

    payload: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """A function failed; ``error_type`` is the error's name in the state machine, for an exception the name of its class.

    https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    """

    error_type: str
    error_message: str
    stack_trace: tuple[str, ...] = ()
    request_id: str = ""

    def cause(self) -> str:
        """The error document as JSON text: what Step Functions gives as Cause."""
        document: dict[str, Any] = {"errorMessage": self.error_message, "errorType": self.error_type}
        if self.request_id:
            document["requestId"] = self.request_id
        if self.stack_trace:
            document["stackTrace"] = list(self.stack_trace)
        return to_text(document)


Answer = Succeeded | Failed


class FunctionHost(Protocol):
    """Where functions run.

    ``slots`` is how many Tasks run at once. With more than one, ``invoke`` is called from several threads.
    """

    @property
    def slots(self) -> int: ...

    def invoke(self, function: str, payload: Json) -> Answer:
        """Runs a function to its end. ``function`` is what stands in FunctionName: a name, or an ARN."""

    def stop(self) -> None:
        """The run is over: invocations under way come back as soon as can be, whatever their answer."""


def unknown_function(function: str) -> Failed:
    """The answer of every host for a function it does not have."""
    return Failed("Lambda.ResourceNotFoundException", f"Function not found: {function}")


def function_name(reference: str) -> str:
    """The bare name in a name or in ``arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]``."""
    parts = reference.split(":")
    return parts[6] if len(parts) > 6 and parts[2] == "lambda" else reference  # noqa: PLR2004 - the places of an ARN


def call(handler: Callable[[], Any], request_id: str = "", most: float = inf) -> Answer:
    """Calls a handler as Lambda's Python runtime does: an exception or an answer that is no JSON becomes an error document.

    ``most`` is how many bytes the answer may have. KeyboardInterrupt and SystemExit go through.

    Raises:
        SystemExit: the answer holds half a surrogate pair. Lambda's runtime cannot send it and ends.
    """
    try:
        answer = handler()
    except Exception as problem:  # noqa: BLE001 - whatever a function raises is its answer
        failed = Failed(type(problem).__name__, str(problem), _stack(problem), request_id)
        _demand_utf8(failed.cause())
        return failed
    try:
        text = to_text(answer)
        read = unmarshalled(text)
    except (TypeError, ValueError, RecursionError) as problem:
        return Failed("Runtime.MarshalError", f"Unable to marshal response: {problem}", (), request_id)
    _demand_utf8(text)
    return response_too_large() if larger(text, most) else Succeeded(read)


def unmarshalled(text: str | bytes) -> Json:
    """Reads a function's answer.

    Raises:
        ValueError: it is no JSON (NaN and Infinity are none), or nested more than 1,000 deep.
        RecursionError: it is nested deeper than JSON can be read at all.
    """
    data = json.loads(text, parse_constant=_no_json)
    if deeper(data, MOST_NESTED):
        raise ValueError(f"it is nested more than {MOST_NESTED:,} deep")
    return data


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _demand_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        sys.stderr.write(f"[ERROR] the answer cannot be sent: {problem}\n")
        raise SystemExit(1) from problem


def request_text(payload: Json, most: float) -> str | Failed:
    """A payload as it is sent, or the answer to one that is too large.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors; Step Functions puts Lambda. before a name.

    Raises:
        TypeError, ValueError: it is no JSON; NaN and Infinity are none.
    """
    text = to_text(payload)
    if not larger(text, most):
        return text
    message = f"Request must be smaller than {most:.0f} bytes for the InvokeFunction operation"
    return Failed("Lambda.RequestEntityTooLargeException", message)


def response_too_large() -> Failed:
    """The answer in the place of one over 6 MB.

    https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
    """
    message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    return Failed("Function.ResponseSizeTooLarge", message)


def timed_out(seconds: float, request_id: str) -> Failed:
    """The answer of a function that ran past its timeout."""
    return Failed("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds")


def exited(status: int, request_id: str) -> Failed:
    """The answer of a function whose process ended while it ran; ``status`` below 0 is a signal's number, negative."""
    if status < 0:
        # macOS writes "Killed: 9".
        name = (signal.strsignal(-status) or str(-status)).split(":")[0].lower()
        what = f"Runtime exited with error: signal: {name}"
    else:
        what = f"Runtime exited with error: exit status {status}" if status else "Runtime exited without providing a reason"
    return Failed("Runtime.ExitError", f"RequestId: {request_id} Error: {what}")


def exit_status(leaving: SystemExit) -> int:
    """What a process that ends with this exception answers to its parent.

    https://docs.python.org/3/library/sys.html#sys.exit
    """
    code = leaving.code
    return code & 0xFF if isinstance(code, int) else int(code is not None)


def round_trip(data: Json) -> Json:
    """What arrives on the other side of Lambda's wire.

    Raises:
        TypeError, ValueError: it is no JSON; NaN and Infinity are none.
    """
    return json.loads(json.dumps(data, allow_nan=False))


def _stack(problem: BaseException) -> tuple[str, ...]:
    """The stack of the handler: the first two frames are ``call`` and what it was given."""
    frames = traceback.extract_tb(problem.__traceback__)
    return tuple(traceback.format_list(frames[2:]))


@dataclass
class FakeHost:
    """Functions out of a dictionary, each called with the payload alone. ``calls`` lists (function, payload) in order.

    With one slot everything happens in order; ``stopped`` says whether the engine gave the run up.
    """

    functions: Mapping[str, Callable[[Json], Any]]
    calls: list[tuple[str, Json]] = field(default_factory=list)
    slots: int = 1
    stopped: bool = False

    def stop(self) -> None:
        """See FunctionHost; what a function of this process does cannot be stopped."""
        self.stopped = True

    def invoke(self, function: str, payload: Json) -> Answer:
        name = function_name(function)
        if name not in self.functions:
            return unknown_function(function)
        event = round_trip(payload)
        self.calls.append((name, event))
        return call(lambda: self.functions[name](event))
