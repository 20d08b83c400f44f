"""How long a chunk has waited because the other side said so: a Retry-After is obeyed, but not without end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from portl.errors import RetryAfter, StepError
from portl.runs._folder import RunFolder

MOST_WAITED_S = 3_600
"""Seconds that one step of one chunk waits in all."""
MOST_WAITS = 500
"""How often it waits: an execution ends at 25,000 events, and a wait takes about a dozen.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""


def wait_for(problem: StepError, folder: RunFolder, step: Mapping[str, Any], chunk: int | None) -> RetryAfter | None:
    """What sends the machine into its Wait state, for a failure of a chunk's step that named a time; None for any other.

    When the waits come to too much, the failure becomes H106 and None is answered: a permanent one, unless the step keeps
    its records aside, which then is what becomes of those that are left.
    """
    if problem.retry_after is None or chunk is None or problem.outcome not in ("Throttled", "Transient"):
        return None
    name = f"waits/{step['id']}/{chunk:05d}.json"
    seconds = max(1, math.ceil(problem.retry_after))
    waited = folder.find(name) or {"seconds": 0, "times": 0}
    if waited["seconds"] + seconds > MOST_WAITED_S or waited["times"] == MOST_WAITS:
        so_far = f"{waited['times']:,} waits of {waited['seconds']:,} s in all"
        problem.message += f"; it asks for {seconds:,} s more after {so_far}: a chunk waits {MOST_WAITED_S:,} s at most"
        problem.code = "H106"
        problem.outcome = "Throttled" if step.get("on_error") == "dead_letter" else "Permanent"
        problem.hint = "ask the API's owner for its limits; what was answered is kept"
        return None
    folder.write(name, {"seconds": waited["seconds"] + seconds, "times": waited["times"] + 1})
    return RetryAfter(str(seconds))
