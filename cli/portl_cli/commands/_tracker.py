"""How far each step of a run is, put together from what its Tasks tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SURE_AFTER_S, SURE_AFTER_SHARE = 2.0, 0.01
"""From when on the pace so far says something of the rest: the first records bear what a step needs to begin."""


@dataclass(slots=True)
class StepProgress:
    """A step so far: ``done`` of ``of`` records (None: not known), since ``began`` (seconds of the clock)."""

    step: str
    began: float
    of: int | None = None
    chunks: dict[int | None, int] = field(default_factory=dict)
    ended: bool = False
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Records finished."""
        return sum(self.chunks.values())

    @property
    def per_second(self) -> float:
        """Records a second, since the step began."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_seconds(self) -> float | None:
        """How long the rest will take at this pace; None as long as that cannot be known."""
        if self.of is None or not self.per_second:
            return None
        if self.seconds < SURE_AFTER_S or self.done < self.of * SURE_AFTER_SHARE:
            return None
        return max(0.0, (self.of - self.done) / self.per_second)


class Tracker:
    """Takes what Tasks tell (see portl.runs.use_progress), from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self.steps: dict[str, StepProgress] = {}

    def begin(self) -> None:
        """What comes now begins now: a state was entered."""
        self._began = self._clock()

    def take(self, told: Mapping[str, Any]) -> StepProgress:
        """The step's progress after what was told."""
        with self._lock:
            name = str(told["step"])
            step = self.steps.setdefault(name, StepProgress(name, self._began))
            step.chunks[told["chunk"]] = int(told["done"])
            step.of = told["of"]
            step.seconds = self._clock() - step.began
            whole = step.of is None or step.done >= step.of
            step.ended = bool(told["ended"]) and whole
            return step


def pace(step: StepProgress) -> str:
    """``1,200 of 3,500, 2,900/s, 1 s left``."""
    count = f"{step.done:,}" if step.of is None else f"{step.done:,} of {step.of:,}"
    left = step.left_seconds
    rest = f", {_duration(left)} left" if left is not None and not step.ended and step.of != step.done else ""
    rate = f"{step.per_second:,.0f}" if step.per_second >= 1 or not step.done else f"{step.per_second:.2f}"
    return f"{count}, {rate}/s{rest}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
