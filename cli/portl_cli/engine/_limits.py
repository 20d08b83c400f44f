"""What AWS allows, enforced locally so that a machine that runs here is one that runs there."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

STATE_NAME = 80
"""Characters of a state's name. https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html"""

EXECUTION_NAME = 80
"""Characters. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

MACHINE_NAME = 80
"""Characters. https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""

LABEL = 40
"""Characters of a Map's label. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""

INLINE_CONCURRENCY = 40
"""Iterations of an INLINE Map under way at once. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""

DISTRIBUTED_CONCURRENCY = 10_000
"""Children of a DISTRIBUTED Map under way at once. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes of UTF-8 (of a definition in characters), and the number of events.

    ``state``, ``events``: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
    ``variable`` holds for one variable and for one Assign, ``variables`` for all that are alive in an execution:
    https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#variable-limits.
    ``request``, ``response``: 6 MB of a function's payload, to which Lambda adds 100 bytes for an answer:
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
    ``definition``: https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html.
    """

    state: float = 256 * 1024
    variable: float = 256 * 1024
    variables: float = 10 * 1024 * 1024
    events: float = 25_000
    request: float = 6 * 1024 * 1024
    response: float = 6 * 1024 * 1024 + 100
    definition: float = 1024 * 1024


AWS_LIMITS = Limits()
NO_LIMITS = Limits(inf, inf, inf, inf, inf, inf, inf)
"""For experiments. What no size decides stays: the timeouts, the names, the concurrency of an INLINE Map."""
