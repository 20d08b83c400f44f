from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portl.errors import TemplateError
from portl.values._redaction import shortened
from portl.values._templates import Compiled
from portl.values._unknown import Unknown

_ONE = re.compile(r"\s*\{\{(?:(?!\{\{|\}\}).)*\}\}\s*", re.DOTALL)


def is_condition(text: str) -> bool:
    """Whether text is exactly one ``{{ expression }}``: anything more would be text, and text is always there."""
    return _ONE.fullmatch(text) is not None


def decide(condition: Compiled, scope: Mapping[str, Any]) -> bool | Unknown:
    """What a condition says; null is no. An ``Unknown`` when only a real call would tell.

    Raises:
        TemplateError: T108, its value is neither true nor false: ``"false"`` and ``0`` are not taken for an answer.
    """
    value = condition.render(scope)
    if isinstance(value, Unknown):
        return value
    if value is None or isinstance(value, bool):
        return bool(value)
    shown = shortened(repr(value), 80)
    hint = "compare it with something, as in {{ row.flag == 'yes' }} or {{ row.x is not none }}"
    raise TemplateError(f"a condition is true or false, and this one is {shown}", code="T108", hint=hint)
