from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from portl.connections._models import LambdaSpec
from portl.errors import OUTCOMES, FunctionError

_ARN = re.compile(r"^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$")
_FILE = re.compile(r"^(?P<file>[^:]+\.py):(?P<function>[A-Za-z_]\w*)$")
_FOLDER = re.compile(r"^[A-Za-z][\w-]*$")
STACK_LINES = 20
MOST_BYTES = {False: 6 * 1024 * 1024, True: 1024 * 1024}
"""Payload limits of synchronous and asynchronous invocations. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True, slots=True)
class Target:
    """What a connection's ``function`` names."""

    kind: Literal["folder", "arn", "file"]
    name: str


class FunctionInvoker(Protocol):
    """The seam to Lambda functions."""

    def invoke(self, target: Target, payload: str, *, event: bool) -> Any:
        """The function's answer, JSON; FunctionError when it fails. ``payload`` is JSON text."""
        ...


def parse_target(text: str) -> Target:
    """Reads ``function``: a folder of functions/, an ARN, or ``file.py:function``.

    Raises:
        FunctionError: L107, it is none of them.
    """
    if _ARN.match(text):
        return Target("arn", text)
    if _FILE.match(text):
        return Target("file", text)
    if _FOLDER.match(text):
        return Target("folder", text)
    hint = "a folder of functions/, an ARN, or file.py:function"
    raise FunctionError(f"{text!r} names no function", code="L107", hint=hint)


class LambdaConnection:
    """A function that a job calls by name."""

    def __init__(self, name: str, spec: LambdaSpec) -> None:
        self.name = name
        self._target = parse_target(spec.function)
        self._region = spec.region

    def invoke(self, payload: Any, *, invocation: Literal["request", "event"] = "request") -> Any:
        """Calls the function and answers its JSON; ``event`` does not wait and answers null.

        Raises:
            FunctionError: L101 the function failed, L102 throttled, L103 not found, L104 payload too large, L105 timed out.
        """
        event = invocation == "event"
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
        if size > MOST_BYTES[event]:
            hint = "send less, or a reference to it"
            raise FunctionError(f"the payload has {size:,} bytes", code="L104", hint=hint, detail=self._detail())
        return _current().invoke(self._target, text, event=event)

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _detail(self) -> dict[str, Any]:
        return {"function": self._target.name}


def failed(target: Target, error_type: str, message: str, stack: Sequence[str] = ()) -> FunctionError:
    """The error for a function that answered an error document; ``stack`` is its stackTrace."""
    outcome = error_type if error_type in OUTCOMES and error_type != "RetryAfter" else "Permanent"
    code = "L101"
    if error_type in ("Sandbox.Timedout", "Lambda.Unknown", "Runtime.ExitError"):
        code, outcome = "L105", "Transient"
    text = f"{target.name} failed with {error_type}: {message}"
    detail: dict[str, Any] = {"function": target.name, "error_type": error_type, "error_message": message}
    if stack:
        detail["stack"] = [str(line).rstrip() for line in stack][-STACK_LINES:]
    hint = "raise its timeout or memory, or give it less to do" if code == "L105" else "mend the function, or what it is given"
    return FunctionError(text, code=code, hint=hint, outcome=outcome, detail=detail)


_PATIENT: dict[str, Any] = {"read_timeout": 905, "retries": {"total_max_attempts": 1}}
"""A function may run 15 minutes; a client that gives up earlier and tries again would run it twice."""


class Boto3Invoker:
    """Functions on AWS. A folder's function is ``<stack>-<folder>``."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def invoke(self, target: Target, payload: str, *, event: bool) -> Any:
        """See FunctionInvoker."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        if target.kind == "file":
            raise FunctionError(f"{target.name} is local only", code="L107", hint="make it a folder of functions/")
        name = target.name if target.kind == "arn" else f"{os.environ.get('PORTL_STACK', '')}-{target.name}"
        client = self._clients["lambda"] = self._clients.get("lambda") or boto3.client("lambda", config=Config(**_PATIENT))
        try:
            answer = client.invoke(
                FunctionName=name, InvocationType="Event" if event else "RequestResponse", Payload=payload.encode()
            )
        except ClientError as problem:
            raise _refused(target, problem.response["Error"]) from problem
        except BotoCoreError as problem:
            text = f"{target.name} could not be reached: {problem}"
            raise FunctionError(text, code="L108", outcome="Transient", hint="check the network and the region") from problem
        body = answer["Payload"].read()
        document: Any = json.loads(body) if body else None
        if answer.get("FunctionError"):
            kind, text = str(document.get("errorType", "Unhandled")), str(document.get("errorMessage", ""))
            raise failed(target, kind, text, document.get("stackTrace") or ())
        return document


def _refused(target: Target, error: Mapping[str, Any]) -> FunctionError:
    code, text = str(error["Code"]), f"{target.name}: {error.get('Message', error['Code'])}"
    if code in ("TooManyRequestsException", "EC2ThrottledException"):
        return FunctionError(text, code="L102", outcome="Throttled", hint="raise its concurrency, or lower the job's")
    if code == "ResourceNotFoundException":
        return FunctionError(text, code="L103", hint="is it deployed under this name?")
    if code in ("ServiceException", "EC2UnexpectedException", "EC2AccessDeniedException"):
        return FunctionError(text, code="L108", outcome="Transient", hint="try again")
    return FunctionError(text, code="L109", hint="check the policy of the function that calls")


class FakeInvoker:
    """Functions by name, for tests: each takes the payload and answers JSON, or raises FunctionError."""

    def __init__(self, functions: Mapping[str, Callable[[Any], Any]]) -> None:
        self._functions = functions
        self.calls: list[tuple[str, Any]] = []

    def invoke(self, target: Target, payload: str, *, event: bool) -> Any:
        """See FunctionInvoker."""
        self.calls.append((target.name, json.loads(payload)))
        if target.name not in self._functions:
            raise FunctionError(f"there is no function {target.name}", code="L103", hint="check the connection")
        answer = self._functions[target.name](json.loads(payload))
        return None if event else answer


_INVOKERS: list[FunctionInvoker] = []


def use_invoker(invoker: FunctionInvoker | None) -> None:
    """Sets what calls functions in this process; None goes back to AWS."""
    _INVOKERS[:] = [invoker] if invoker else []


def _current() -> FunctionInvoker:
    if not _INVOKERS:
        _INVOKERS.append(Boto3Invoker())
    return _INVOKERS[0]
