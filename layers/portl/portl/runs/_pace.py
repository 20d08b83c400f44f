"""At most so many requests a second: each takes the next turn, and turns are equally far apart.

Turns of a slow pace are kept in the run, under ``paced/<step>/<chunk>.json`` (seconds since 1970), for a Task that comes back
after a Wait, or after its function was killed. A fast one begins with a turn's distance, so that a Task never follows the last
call of another one too soon.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from portl.runs._clock import scaled, sleep, unscaled
from portl.runs._folder import RunFolder

SLOW_S = 1.0
"""Turns further apart than this are waited for by the state machine, not by the function."""


class Pace:
    """The turns of one step in one Task, over all its threads. ``interval_s`` is the time between two of them."""

    def __init__(self, interval_s: float, folder: RunFolder, step_id: str, chunk: int | None) -> None:
        self._interval = interval_s
        self._folder, self._name = folder, f"paced/{step_id}/{chunk or 0:05d}.json"
        self._lock = threading.Lock()
        self._next = time.monotonic() + scaled(self._first_wait(chunk))

    @property
    def is_slow(self) -> bool:
        """Whether the machine waits for a turn, and not the function."""
        return self._interval > SLOW_S

    def _first_wait(self, chunk: int | None) -> float:
        if not self.is_slow:
            return self._interval
        kept = self._folder.find(self._name)
        if kept is None:
            first = self._interval if chunk else 0.0  # before the first chunk nothing went out
            self._folder.write(self._name, time.time() + scaled(first))
            return first
        return min(self._interval, max(0.0, unscaled(kept - time.time())))

    def wait_s(self) -> float:
        """In how many seconds the next turn is; 0: now."""
        with self._lock:
            return max(0.0, _unscaled(self._next - time.monotonic()))

    def take(self) -> None:
        """Takes the next turn, and sleeps until it is there."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + scaled(self._interval)
            if self.is_slow:
                self._folder.write(self._name, time.time() + self._next - now)
        sleep(_unscaled(turn - now))


def _unscaled(seconds: float) -> float:
    return unscaled(seconds) if seconds > 0 else 0.0


def interval_of(rate: Mapping[str, Any]) -> float:
    """Seconds between two requests of ``{requests, per_s}``."""
    return float(rate["per_s"]) / float(rate["requests"])
