"""``db.query_one``: the one row a query gives, or null."""

from __future__ import annotations

from typing import Any

from portl.connections import Connections
from portl.runs import StepType, single_step
from portl.steps._query import Querying, QuerySpec


class DbQueryOne(QuerySpec):
    """Null when there is no row; two rows are an error (D110)."""


class QueryingOne(Querying):
    """A db.query_one made ready."""

    def __init__(self, spec: DbQueryOne, _: Connections) -> None:
        super().__init__(spec, "one")

    def result(self, answer: Any) -> Any:
        """The row by column name, or null."""
        return answer

    def outcome(self, result: Any) -> str:
        """Found or not found."""
        return "found" if result is not None else "not found"


STEP = StepType("db.query_one", DbQueryOne, QueryingOne, single_step)
