"""The function of ``store.list`` steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.runs import LambdaContext, handle
from portl.steps.store_list import STEP


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.steps.store_list."""
    return handle(STEP, event, context)
