"""How a call to a store is tried again: one policy for all stores, never longer than the function has left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from portl.errors import StoreError


class RetryPolicy(NamedTuple):
    """``attempts`` in all; the pause before each is drawn up to ``base_s``, twice that, … at most ``max_s``; all in seconds.

    Nothing begins that could not end before ``deadline_s`` after the first attempt.
    """

    attempts: int = 4
    base_s: float = 0.2
    max_s: float = 10.0
    deadline_s: float = 120.0


NO_RETRY = RetryPolicy(attempts=1)


class Attempts:
    """The attempts at one operation. ``remaining`` answers the seconds that the function has left."""

    def __init__(self, policy: RetryPolicy, remaining: Callable[[], float] | None = None) -> None:
        self._policy = policy
        self._remaining = remaining
        self._until = time.monotonic() + policy.deadline_s
        self.made = 1

    def again(self, problem: StoreError) -> bool:
        """Whether it is to be tried again; if so, the pause is over when this returns."""
        if not problem.retryable or self.made >= self._policy.attempts:
            return False
        import random  # what goes well does without

        pause = max(random.uniform(0, self._longest()), problem.retry_after or 0.0)  # noqa: S311 - jitter is no secret
        left = self._until - time.monotonic()
        if self._remaining is not None:
            left = min(left, self._remaining())
        if pause >= left:
            return False
        time.sleep(pause)
        self.made += 1
        return True

    def advanced(self) -> None:
        """Something came through: the count begins anew."""
        self.made = 1

    def _longest(self) -> float:
        return min(self._policy.max_s, self._policy.base_s * 2.0 ** (self.made - 1))


def told(problem: Any) -> float | None:
    """Seconds of a Retry-After, where an error of a library carries one."""
    value = getattr(problem, "retry_after", None)
    return float(value) if isinstance(value, (int, float)) else None
