from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The time of an execution: every timestamp and every wait of the engine comes from here."""

    def now(self) -> datetime:
        """The time now, with its zone."""

    def sleep(self, seconds: float, pause: Callable[[float], object] = time.sleep) -> None:
        """Comes back after that many seconds. ``pause`` does the waiting: the engine's own comes back early on an abort."""


class SystemClock:
    """The machine's time. ``time_scale`` shortens waits only: 0.01 sleeps 0.6 seconds where a minute is asked for."""

    def __init__(self, time_scale: float = 1.0) -> None:
        self.time_scale = time_scale

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float, pause: Callable[[float], object] = time.sleep) -> None:
        pause(max(0.0, seconds) * self.time_scale)


class FakeClock:
    """A clock that stands still until it is told to sleep, and then is there at once. ``slept`` lists the waits in seconds."""

    def __init__(self, start: datetime = datetime(2025, 1, 1, tzinfo=UTC)) -> None:
        self.time = start
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float, pause: Callable[[float], object] = time.sleep) -> None:  # noqa: ARG002 - the shape of a Clock
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Time passes without anybody having waited for it, as inside a function."""
        with self._lock:
            self.time += timedelta(seconds=seconds)


def timestamp(moment: datetime) -> str:
    """``2025-01-01T00:00:00.000Z``, as Step Functions writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
