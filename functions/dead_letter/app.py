"""The function that keeps the records of a chunk aside when the chunk's own function could not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.runs import LambdaContext, handle
from portl.steps.dead_letter import STEP


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.steps.dead_letter."""
    return handle(STEP, event, context)
