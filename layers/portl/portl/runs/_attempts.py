"""How often something is tried, and how long is slept in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from portl.errors import StepError
from portl.jobs import Retry
from portl.runs._clock import sleep
from portl.runs._metrics import count
from portl.runs._pace import Pace

WAITED_S = 1.0
"""The longest Retry-After slept in a function that can be come back to: a longer one becomes a Wait state, while which nothing
runs."""
SLEPT_S = 60.0
"""The longest one slept where no Wait state can stand: outside a batch, and while a transaction is open."""


def attempt(
    call: Callable[[], Any],
    retry: Retry | None,
    most_slept: float,
    step_id: str,
    pace: Pace | None = None,
    *,
    has_turn: bool = False,
) -> Any:
    """Calls until it succeeds, the attempts of ``retry`` are spent, or the failure is of a kind it does not name.

    A wait of more than ``most_slept`` seconds that the other side asked for is not slept here: the failure is the Task's.
    Every call takes its turn of ``pace``; with ``has_turn`` the caller has taken that of the first one.
    """
    tries = retry.max_attempts if retry else 1
    for number in range(1, tries + 1):
        try:
            if pace is not None and not (has_turn and number == 1):
                pace.take()
            return call()
        except StepError as problem:
            problem.attempts = number
            again = retry is not None and number < tries and problem.outcome.lower() in retry.retry_on
            pause = random.uniform(0.5, 1) * retry.backoff_ms / 1000 * 2 ** (number - 1) if retry else 0.0  # noqa: S311
            if not again or max(problem.retry_after or 0, pace.wait_s() if pace else 0) > most_slept:
                raise _later(problem, pace, again=again) from problem.__cause__
            count("Retries", 1, step_id=step_id)
            sleep(max(pause, problem.retry_after or 0))
    raise AssertionError


def _later(problem: StepError, pace: Pace | None, *, again: bool) -> StepError:
    """What is tried again, and not before its turn, asks for as much time as that takes."""
    if again and pace is not None:
        problem.retry_after = max(problem.retry_after or 0, pace.wait_s())
    return problem
