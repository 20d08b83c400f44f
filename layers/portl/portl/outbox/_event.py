"""The drain as a function: a schedule calls it with a job's name and connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from portl.connections import Connections
from portl.errors import OUTCOMES, SetupError, StepError
from portl.jobs import DATABASES, decode_spec
from portl.outbox._drain import DrainOptions
from portl.outbox._open import drain_job
from portl.runs import LambdaContext, log
from portl.values import redact

MARGIN_S = 5.0
"""Seconds before the function's end at which nothing new is sent."""


def drain_event(event: Mapping[str, Any], context: LambdaContext) -> dict[str, int]:
    """Sends what is due: ``{job, connections, databases?, max?, lease?, attempts?}`` → ``{delivered, failed, dead, lost}``.

    ``connections`` are the job's, as a state machine has them; ``databases`` names those with an outbox, all when not told.

    Raises:
        Outcome: the database or a variable is not there.
    """
    specs = {name: decode_spec(spec) for name, spec in event["connections"].items()}
    databases = event.get("databases") or [name for name, spec in specs.items() if spec.get("type") in DATABASES]
    given = {"most": event.get("max"), "lease_s": event.get("lease"), "attempts": event.get("attempts")}
    budget_s = context.get_remaining_time_in_millis() / 1000 - MARGIN_S
    options = DrainOptions(once=True, budget_s=budget_s, **{name: value for name, value in given.items() if value is not None})
    try:
        with Connections(specs) as connections:
            drained = asdict(drain_job(event["job"], connections, specs, databases, options))
    except (StepError, SetupError) as problem:
        outcome = problem.outcome if isinstance(problem, StepError) else "Permanent"
        raise OUTCOMES[outcome](redact(str(problem))) from None
    log("info", "outbox drained", run="", step_id="outbox", job=event["job"], **drained)
    return drained
