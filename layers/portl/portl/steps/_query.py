"""What the queries have in common: SQL with ``:name`` places and the values for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from portl.connections import bind_names
from portl.jobs import StepSpec, closest
from portl.runs import Scope, Statement
from portl.values import compile_value

_FIRST = re.compile(r"(?:--[^\n]*\n|/\*.*?\*/|\s)*\b([A-Za-z]+)", re.DOTALL)
_BOUNDS = frozenset({"abort", "begin", "commit", "end", "prepare", "release", "rollback", "savepoint", "start"})


class QuerySpec(StepSpec):
    """SQL whose ``:name`` places are filled from ``params``; values are bound, never put into the text."""

    sql: str
    params: dict[str, Any] = Field(default_factory=dict)

    connects_to: ClassVar[str | None] = "postgres"

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """See StepSpec."""
        yield from super().expressions()
        yield ("params",), self.params

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """No expression in the SQL; its places and the params are the same names."""
        if "{{" in self.sql:
            yield ("sql",), "J304", "SQL takes no expressions: values are bound", "write :name and give it under params"
            return
        first = _FIRST.match(self.sql)
        if first and first[1].lower() in _BOUNDS:
            yield ("sql",), "J304", f"{first[1].upper()} is not for a step: Portl begins and ends transactions", "leave it out"
        _, names = bind_names(self.sql)
        for name in names:
            if name not in self.params:
                yield ("sql",), "J304", f":{name} has no value under params", closest(name, self.params)
        for name in self.params:
            if name not in names:
                yield ("params", name), "J304", f"the SQL has no place :{name}", closest(name, names)


class Querying:
    """A query made ready."""

    def __init__(self, spec: QuerySpec, answer: Literal["one", "many"]) -> None:
        self._connection = str(spec.connection)
        self._sql, self._names = bind_names(spec.sql)
        self._params = compile_value(spec.params)
        self._answer = answer

    def plan(self, scope: Scope) -> Statement:
        """The statement for one record."""
        values = self._params.render(scope)
        params = tuple(values[name] for name in self._names)
        return Statement(self._connection, self._sql, params, self._answer, self._names)
