"""The contract of a step type: a spec, a way to plan one record's intent, and a driver that goes over the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs._intents import Intent

Scope = Mapping[str, Any]


class Prepared(Protocol):
    """A step whose expressions are compiled, ready for any number of records."""

    def plan(self, scope: Scope) -> Intent:
        """What the step would do for one record. Makes no effect."""
        ...

    def result(self, answer: Any) -> Any:
        """The step's result, JSON, from what the executor answered."""
        ...

    def outcome(self, result: Any) -> str:
        """What the record counts as in the summary, such as ``inserted`` or ``called``; joined by + where it is several."""
        ...


Prepare = Callable[[Any, Connections], Prepared]


@dataclass(frozen=True, slots=True)
class StepType:
    """A type of step. ``name`` is what the job writes; ``driver`` runs a Task of it and answers the function's payload."""

    name: str
    spec: type[StepSpec]
    prepare: Prepare
    driver: Callable[[Any, StepType], Any]
