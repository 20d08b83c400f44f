"""The history of one execution, event by event.

Types and detail fields: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portl_cli.engine._clock import Clock, timestamp
from portl_cli.engine._failure import RUNTIME, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

MOST_EVENTS = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: events in one execution's history."""

_ENDINGS = 2
"""Events kept free so that an execution that hits the limit can still say that it failed."""


class History:
    """Numbers and dates the events of one execution and hands each to the listener as it occurs.

    ``execution`` is "" for the execution itself and its name for a child of a distributed Map.
    ``events`` is empty unless ``keep``.
    """

    def __init__(self, execution: str, clock: Clock, listener: Callable[[Event], None] | None, *, keep: bool) -> None:
        self.execution = execution
        self.events: list[Event] = []
        self.last_id = 0
        self._clock = clock
        self._listener = listener
        self._keep = keep

    def record(self, event_type: str, detail_field: str | None = None, details: dict[str, Any] | None = None) -> int:
        """Adds an event and answers its id.

        Raises:
            Failure: States.Runtime, when this would be one event more than an execution may have.
        """
        if self.last_id >= MOST_EVENTS - _ENDINGS and not event_type.startswith(("Execution", "MapRun")):
            raise Failure(RUNTIME, f"The execution reached the maximum number of history events ({MOST_EVENTS}).")
        event: Event = {
            "id": self.last_id + 1,
            "previousEventId": self.last_id,
            "timestamp": timestamp(self._clock.now()),
            "type": event_type,
            "execution": self.execution,
        }
        if detail_field is not None:
            event[detail_field] = details or {}
        self.last_id += 1
        if self._keep:
            self.events.append(event)
        if self._listener is not None:
            self._listener(event)
        return self.last_id
