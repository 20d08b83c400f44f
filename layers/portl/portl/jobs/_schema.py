"""What a model says to the job's JSON Schema beyond its fields (see ``portl schema``)."""

from __future__ import annotations

from typing import Any

from pydantic import WithJsonSchema

DEFINED_AS = "definition"


def defined_as(name: str) -> WithJsonSchema:
    """Says which definition of the schema a value has that pydantic knows as anything at all."""
    return WithJsonSchema({DEFINED_AS: name})


def alone(*others: str) -> dict[str, Any]:
    """For ``dependencies``: a key does not go with others, and an editor marks the other one."""
    return {"properties": dict.fromkeys(others, False)}


CONDITION: dict[str, Any] = {
    "pattern": r"^\s*\{\{[\s\S]*\}\}\s*$",
    "patternErrorMessage": "exactly one {{ expression }}, true or false",
}
"""For a condition's field. ``patternErrorMessage`` is what editors say instead of the pattern; validators pass over it."""
