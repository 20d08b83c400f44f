"""The history of one execution, event by event.

Types and detail fields: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portl_cli.engine._clock import Clock, timestamp
from portl_cli.engine._failure import RUNTIME, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

_ENDINGS = 2
"""Events kept free so that an execution that hits the limit can still say that it failed."""


@dataclass(slots=True)
class Trail:
    """One path through an execution: its last event, which the next one names as its previous."""

    last: int = 0


class Listener:
    """Hands events of all executions of a run on, one at a time."""

    def __init__(self, tell: Callable[[Event], None] | None) -> None:
        self._tell = tell
        self.lock = threading.Lock()

    def event(self, event: Event) -> None:
        """Takes an event; the caller holds the lock."""
        if self._tell is not None:
            self._tell(event)


class History:
    """Numbers and dates the events of one execution and hands each to the listener as it occurs.

    ``execution`` is "" for the execution itself and its name for a child of a distributed Map.
    ``events`` is empty unless ``keep``. Paths that run at once may share it.
    """

    def __init__(self, execution: str, clock: Clock, listener: Listener, *, most: float, keep: bool) -> None:
        self.execution = execution
        self.events: list[Event] = []
        self._last_id = 0
        self._most = most
        self._clock = clock
        self._listener = listener
        self._keep = keep

    def record(
        self,
        trail: Trail,
        event_type: str,
        field: str | None = None,
        details: dict[str, Any] | None = None,
        *,
        aside: bool = False,
    ) -> int:
        """Adds an event to a path and answers its id. An event ``aside`` is not the previous one of what follows.

        Raises:
            Failure: States.Runtime, when this would be one event more than an execution may have.
        """
        with self._listener.lock:
            if self._last_id >= self._most - _ENDINGS and not event_type.startswith(("Execution", "MapRun")):
                raise Failure(RUNTIME, f"The execution reached the maximum number of history events ({self._most:.0f}).")
            self._last_id += 1
            event: Event = {
                "id": self._last_id,
                "previousEventId": trail.last,
                "timestamp": timestamp(self._clock.now()),
                "type": event_type,
                "execution": self.execution,
            }
            if field is not None:
                event[field] = details or {}
            if not aside:
                trail.last = self._last_id
            if self._keep:
                self.events.append(event)
            self._listener.event(event)
            return self._last_id
