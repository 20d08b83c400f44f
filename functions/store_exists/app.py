"""The function of ``store.exists`` steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.runs import LambdaContext, handle
from portl.steps.store_exists import STEP


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.steps.store_exists."""
    return handle(STEP, event, context)
