"""The list that a batch goes over, when it is not rows already: the compiler puts this before the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from portl.connections import Connections
from portl.errors import RunError
from portl.jobs import ResultShape, StepSpec
from portl.runs import KeepRecords, Scope, StepType, run_step
from portl.values import Unknown, compile_value


class BatchItems(StepSpec):
    """``items`` is the batch's ``from``."""

    items: str

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"rows", "count"}), frozenset({"rows"}))


class Listing:
    """A batch's list made ready."""

    def __init__(self, spec: BatchItems, _: Connections) -> None:
        self._spec = spec
        self._items = compile_value(spec.items)

    def plan(self, scope: Scope) -> KeepRecords:
        """The records to put into the run."""
        items = self._items.render(scope)
        if isinstance(items, Unknown):
            return KeepRecords(items)
        if isinstance(items, (str, dict)) or not isinstance(items, Iterable):
            text = f"a batch goes over {self._spec.items}, and that is {type(items).__name__}, no list"
            raise RunError(text, code="R106", hint="name a list")
        return KeepRecords(list(items))

    def result(self, answer: Any) -> Any:
        """``{rows, count}``, the rows by reference."""
        return {"rows": {"$rows": answer.to_json()}, "count": answer.count}

    def outcome(self, result: Any) -> str:
        """Counted by record."""
        return f"read:{result['count']}"


STEP = StepType("batch_items", BatchItems, Listing, run_step)
