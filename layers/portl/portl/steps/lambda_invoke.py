"""``lambda.invoke``: a function is called for a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs import Invocation, Scope, StepType, run_step
from portl.values import compile_value, to_json


class LambdaInvoke(StepSpec):
    """Sends ``payload``; the result is the function's JSON, or null for ``invocation: event``, which does not wait."""

    payload: Any = Field(default=None, description="What the function is given: JSON with expressions.")
    invocation: Literal["request", "event"] = Field(default="request", description="event does not wait for the answer.")
    concurrency: int | None = Field(default=None, ge=1, le=100, description="Calls of a chunk at once; 8 when not told.")

    connects_to: ClassVar[str | None] = "lambda"

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("payload",), self.payload


class Invoking:
    """A lambda.invoke made ready."""

    def __init__(self, spec: LambdaInvoke, _: Connections) -> None:
        self._connection = str(spec.connection)
        self._payload = compile_value(spec.payload)
        self._event = spec.invocation == "event"

    def plan(self, scope: Scope) -> Invocation:
        """The invocation for one record."""
        return Invocation(self._connection, to_json(self._payload.render(scope)), self._event)

    def result(self, answer: Any) -> Any:
        """What the function answered."""
        return answer

    def outcome(self, _: Any) -> str:
        """Invoked."""
        return "invoked"


STEP = StepType("lambda.invoke", LambdaInvoke, Invoking, run_step)
