"""The function that starts the run of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.triggers import current_starter, start_event


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """See portl.triggers.start_event."""
    return start_event(event, current_starter())
