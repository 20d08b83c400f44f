"""Stage 4: what a machine may do, as data: the functions it invokes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


def substitution_key(folder: str) -> str:
    """The placeholder of a function's ARN: ``csv_read`` is ``CsvReadFunctionArn``."""
    return logical_id(folder) + "Arn"


def logical_id(folder: str) -> str:
    """The template's name of a function: ``csv_read`` is ``CsvReadFunction``."""
    return "".join(part.capitalize() for part in re.split(r"[_-]", folder)) + "Function"


def substitution_keys(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """Every placeholder of a definition, sorted."""
    return tuple(sorted(set(_placeholders(definition))))


def functions_of(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """The template's names of the functions a definition invokes, sorted."""
    return tuple(key.removesuffix("Arn") for key in substitution_keys(definition))


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _SUBSTITUTION.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _placeholders(item)
    elif isinstance(value, list):
        for item in value:
            yield from _placeholders(item)
