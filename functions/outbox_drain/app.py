"""The function that delivers what ``outbox.enqueue`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.outbox import drain_event
from portl.runs import LambdaContext


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.outbox.drain_event."""
    return drain_event(event, context)
