"""The function of ``store.wait`` steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.runs import LambdaContext, handle
from portl.steps.store_wait import STEP


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.steps.store_wait."""
    return handle(STEP, event, context)
