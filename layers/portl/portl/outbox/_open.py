"""From a job's connections to a drain: which databases hold messages, and where those may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portl.connections import Connections
from portl.outbox._claims import Claims
from portl.outbox._drain import Drain, Drained, DrainOptions, Sent


def drain_job(
    job: str,
    connections: Connections,
    specs: Mapping[str, Mapping[str, Any]],
    databases: Sequence[str],
    options: DrainOptions,
    told: Callable[[Sent], None] = lambda _: None,
) -> Drained:
    """Drains the outbox of a job in every database that is named.

    Messages for a name that is no http connection of the job (any more) stay as they are.

    Raises:
        MissingVariable: V101, a destination with waiting messages, or a database, has a variable without a value.
        DatabaseError: a database cannot be reached, or refused.
    """
    claims = [Claims(connections.get(name), job) for name in databases]
    waiting = {name for each in claims for name in each.destinations()}
    open_ones = sorted(name for name in waiting if specs.get(name, {}).get("type") == "http")
    return Drain(claims, connections, open_ones, options, told).run() if open_ones else Drained()
