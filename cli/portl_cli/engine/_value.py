"""A field of a state: JSON in which some strings are ``{% expressions %}``, made ready once and evaluated per visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from portl_cli.engine._failure import QUERY, Failure
from portl_cli.engine._jsonata import UNDEFINED, Bindings, Expression, QueryProblem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portl_cli.engine._data import Json

OPEN, CLOSE = "{%", "%}"


class Value(Protocol):
    """A field, ready to be evaluated."""

    def evaluate(self, bindings: Bindings) -> Json:
        """The field's JSON.

        Raises:
            Failure: States.QueryEvaluationError.
        """


def expression_in(text: str) -> str | None:
    """The expression of a string that is one, without its braces.

    The braces are the string's first and last characters:
    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    """
    if text.startswith(OPEN) and text.endswith(CLOSE) and len(text) >= len(OPEN + CLOSE):
        return text[2:-2].strip()
    return None


class Constant:
    """JSON without an expression in it."""

    def __init__(self, data: Json) -> None:
        self.data = data

    def evaluate(self, bindings: Bindings) -> Json:  # noqa: ARG002 - the shape of a Value
        return self.data


class Query:
    """One expression; ``location`` names the field in errors, such as ``Arguments/Payload/at``."""

    def __init__(self, source: str, location: str) -> None:
        self.expression = Expression(source)
        self.location = location

    def evaluate(self, bindings: Bindings) -> Json:
        try:
            result = self.expression.evaluate(bindings)
        except QueryProblem as problem:
            raise self._failure(f"threw an error during evaluation. {problem}") from None
        if result is UNDEFINED:
            raise self._failure("returned nothing (undefined).")
        return result

    def _failure(self, what: str) -> Failure:
        text = f"The JSONata expression '{self.expression.source}' specified for the field '{self.location}' {what}"
        return Failure(QUERY, text, location=self.location)


class Object:
    """An object with an expression somewhere inside."""

    def __init__(self, fields: dict[str, Value]) -> None:
        self.fields = fields

    def evaluate(self, bindings: Bindings) -> Json:
        return {name: field.evaluate(bindings) for name, field in self.fields.items()}


class Array:
    """An array with an expression somewhere inside."""

    def __init__(self, items: list[Value]) -> None:
        self.items = items

    def evaluate(self, bindings: Bindings) -> Json:
        return [item.evaluate(bindings) for item in self.items]


def read_value(data: Json, location: str) -> Value:
    """Makes a field ready.

    Raises:
        SyntaxProblem: an expression in it cannot be used.
    """
    if isinstance(data, str):
        source = expression_in(data)
        return Constant(data) if source is None else Query(source, location)
    if isinstance(data, dict):
        fields = {name: read_value(one, f"{location}/{name}") for name, one in data.items()}
        return Constant(data) if _constant(fields.values()) else Object(fields)
    if isinstance(data, list):
        items = [read_value(one, f"{location}[{at}]") for at, one in enumerate(data)]
        return Constant(data) if _constant(items) else Array(items)
    return Constant(data)


def _constant(values: Iterable[Value]) -> bool:
    return all(isinstance(one, Constant) for one in values)
