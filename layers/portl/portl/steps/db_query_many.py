"""``db.query_many``: the rows a query gives, as rows of the run."""

from __future__ import annotations

from typing import Any, ClassVar

from portl.connections import Connections
from portl.jobs import ResultShape
from portl.runs import StepType, single_step
from portl.steps._query import Querying, QuerySpec


class DbQueryMany(QuerySpec):
    """Outside a batch the rows are streamed into the run through a cursor; inside one a record has its rows as a list."""

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"rows", "count"}), frozenset({"rows"}))


class QueryingMany(Querying):
    """A db.query_many made ready."""

    def __init__(self, spec: DbQueryMany, _: Connections) -> None:
        super().__init__(spec, "many")

    def result(self, answer: Any) -> Any:
        """``{rows, count}``."""
        if isinstance(answer, list):
            return {"rows": answer, "count": len(answer)}
        return {"rows": {"$rows": answer.to_json()}, "count": answer.count}

    def outcome(self, result: Any) -> str:
        """Counted by row."""
        return f"read:{result['count']}"


STEP = StepType("db.query_many", DbQueryMany, QueryingMany, single_step)
