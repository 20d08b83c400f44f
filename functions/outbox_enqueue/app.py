"""The function of ``outbox.enqueue`` steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.runs import LambdaContext, handle
from portl.steps.outbox_enqueue import STEP


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.steps.outbox_enqueue."""
    return handle(STEP, event, context)
