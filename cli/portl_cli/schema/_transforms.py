"""The JSON Schema of a mapping's transforms: their names are asked of the transforms themselves, their arguments stand here."""

from __future__ import annotations

from typing import Any

from portl.errors import TemplateError
from portl.values._transforms import TRANSFORMS, make_transform

Schema = dict[str, Any]

_MARK = {"type": "string", "maxLength": 1}
ARGUMENTS: dict[str, Schema] = {
    "coalesce": {"type": "array", "description": "The first of the value and these that is neither null nor empty."},
    "concat": {"type": "array", "description": "What is put behind the value, text or expressions."},
    "decimal": {"type": "integer", "description": "Digits behind the point."},
    "lookup": {
        "type": "object",
        "description": "The value by a table; without default an unknown value is an error.",
        "properties": {"map": {"type": "object"}, "default": {}},
        "required": ["map"],
        "additionalProperties": False,
    },
    "parse_date": {"type": "string", "description": "The form of the text, as in %d.%m.%Y."},
    "parse_number": {
        "type": "object",
        "description": "The marks that the text uses.",
        "properties": {"decimal": _MARK, "group": _MARK},
        "additionalProperties": False,
    },
    "replace": {"type": "array", "description": "[old, new]", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
    "substring": {
        "type": "array",
        "description": "[start, length], in characters; without length up to the end.",
        "items": {"type": "integer", "minimum": 0},
        "minItems": 1,
        "maxItems": 2,
    },
}
"""What a transform takes as its argument; a test holds them against ``make_transform``."""


def transform() -> Schema:
    """One transform: a name, or a mapping of one name to its argument."""
    bare = [name for name in sorted(TRANSFORMS) if _goes_bare(name)]
    with_argument = {
        "type": "object",
        "properties": {name: _argument(name, bare=name in bare) for name in sorted(TRANSFORMS)},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"type": "string", "enum": bare}, with_argument]}


def _goes_bare(name: str) -> bool:
    try:
        make_transform(name)
    except TemplateError:
        return False
    return True


def _argument(name: str, *, bare: bool) -> Schema:
    wanted = ARGUMENTS.get(name, {"type": "null"})
    return {**wanted, "type": [wanted["type"], "null"]} if bare and name in ARGUMENTS else wanted
