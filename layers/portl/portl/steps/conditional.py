"""``conditional``: a record, or the run, takes one of two ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.connections import Connections
from portl.jobs import CONDITION, AnyStep, ResultShape, StepSpec
from portl.runs import Decide, Scope, StepType, run_step
from portl.values import Unknown, compile_value, decide


class Conditional(StepSpec):
    """``if`` decides between the steps of ``then`` and those of ``else``; either may be empty, not both."""

    if_: str = Field(
        alias="if", description="One {{ expression }} that comes to true, false or null.", json_schema_extra=CONDITION
    )
    then: list[AnyStep] = Field(default_factory=list, description="The steps where it is true.")
    else_: list[AnyStep] = Field(default_factory=list, alias="else", description="The steps where it is false or null.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"branch"}))

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("if",), self.if_

    def branches(self) -> tuple[tuple[Literal["then", "else"], tuple[StepSpec, ...]], ...]:
        """See StepSpec."""
        return (("then", tuple(self.then)), ("else", tuple(self.else_)))


class Deciding:
    """A conditional made ready."""

    def __init__(self, spec: Conditional, _: Connections) -> None:
        self._if = compile_value(spec.if_)

    def plan(self, scope: Scope) -> Decide:
        """The branch for one record."""
        decision = decide(self._if, scope)
        if isinstance(decision, Unknown):
            return Decide(decision)
        return Decide("then" if decision else "else")

    def result(self, answer: Any) -> Any:
        """``{branch}``."""
        return {"branch": answer}

    def outcome(self, result: Any) -> str:
        """The branch's name."""
        return str(result["branch"])


STEP = StepType("conditional", Conditional, Deciding, run_step)
