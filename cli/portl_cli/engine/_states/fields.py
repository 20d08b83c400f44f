"""Reads the fields that several types of state have, and checks what an expression gave for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from portl_cli.engine._failure import QUERY, Failure
from portl_cli.engine._retry import MOST_SECONDS, Catcher, Retrier
from portl_cli.engine._states.base import Exit
from portl_cli.engine._value import Value, read_value

if TYPE_CHECKING:
    from portl_cli.engine._data import Json
    from portl_cli.engine._jsonata import Bindings

Definition = Mapping[str, Any]


def optional(definition: Definition, field: str, location: str = "") -> Value | None:
    """A field that may hold expressions, if it is there."""
    return read_value(definition[field], f"{location}{field}") if field in definition else None


def required(definition: Definition, field: str, location: str = "") -> Value:
    return read_value(definition[field], f"{location}{field}")


def read_exit(definition: Definition, target: str | None = None, location: str = "") -> Exit:
    """Output, Assign and the next state, which is ``target`` where that is not the field Next."""
    return Exit(
        optional(definition, "Output", location),
        optional(definition, "Assign", location),
        target or definition.get("Next"),
    )


def read_retriers(definition: Definition) -> tuple[Retrier, ...]:
    return tuple(
        Retrier(
            errors=tuple(one["ErrorEquals"]),
            interval=one.get("IntervalSeconds", 1),
            attempts=one.get("MaxAttempts", 3),
            backoff=one.get("BackoffRate", 2.0),
            longest=one.get("MaxDelaySeconds", MOST_SECONDS),
            jitter=one.get("JitterStrategy") == "FULL",
        )
        for one in definition.get("Retry", [])
    )


def read_catchers(definition: Definition) -> tuple[Catcher, ...]:
    return tuple(
        Catcher(
            errors=tuple(one["ErrorEquals"]),
            output=optional(one, "Output", f"Catch[{at}]/"),
            assign=optional(one, "Assign", f"Catch[{at}]/"),
            target=one["Next"],
        )
        for at, one in enumerate(definition.get("Catch", []))
    )


def whole_number(value: Value, bindings: Bindings, field: str) -> int:
    """The field's number; JSONata's 2.0 is 2.

    Raises:
        Failure: States.QueryEvaluationError, when it is none, or below 0.
    """
    data = value.evaluate(bindings)
    if isinstance(data, float) and data.is_integer():
        data = int(data)
    if isinstance(data, bool) or not isinstance(data, int) or not 0 <= data <= MOST_SECONDS:
        raise unexpected(field, "whole number from 0", data)
    return data


def text(value: Value, bindings: Bindings, field: str) -> str:
    """The field's text; raises as ``whole_number``."""
    data = value.evaluate(bindings)
    if not isinstance(data, str):
        raise unexpected(field, "string", data)
    return data


def unexpected(field: str, wanted: str, data: Json) -> Failure:
    """The failure of a field whose expression gave the wrong type."""
    what = f"The field '{field}' returned an unexpected result type. Expected '{wanted}', but was: {str(data)[:100]}"
    return Failure(QUERY, what, location=field)
