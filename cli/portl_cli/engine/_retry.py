"""Retry and Catch of a state.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portl_cli.engine._failure import matches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from portl_cli.engine._value import Value

MOST_SECONDS = 99_999_999
"""The longest interval or timeout that the states language takes."""


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of Retry; times in seconds, the defaults are AWS's."""

    errors: tuple[str, ...]
    interval: float = 1
    attempts: int = 3
    backoff: float = 2.0
    longest: float = MOST_SECONDS
    jitter: bool = False

    def delay(self, already: int, random: Random) -> float:
        """The wait before the next attempt, when this retrier has led to ``already`` attempts in this visit."""
        try:
            seconds = min(self.interval * self.backoff**already, self.longest)
        except OverflowError:
            seconds = self.longest
        return random.uniform(0, seconds) if self.jitter else seconds


@dataclass(frozen=True, slots=True)
class Catcher:
    """One entry of Catch."""

    errors: tuple[str, ...]
    output: Value | None
    assign: Value | None
    target: str


class Attempts:
    """How often each retrier of a state has been used in one visit."""

    def __init__(self, retriers: Sequence[Retrier]) -> None:
        self._retriers = retriers
        self._used = [0] * len(retriers)

    def next_delay(self, error: str | None, random: Random) -> float | None:
        """Seconds until the next attempt; None when no retrier takes the error, or the first that does has no attempt left."""
        for at, retrier in enumerate(self._retriers):
            if matches(error, retrier.errors):
                if self._used[at] >= retrier.attempts:
                    return None
                delay = retrier.delay(self._used[at], random)
                self._used[at] += 1
                return delay
        return None


def catcher_of(catchers: Sequence[Catcher], error: str | None) -> Catcher | None:
    """The first entry of Catch that takes the error."""
    return next((one for one in catchers if matches(error, one.errors)), None)
