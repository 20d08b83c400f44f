"""Which connection a step uses."""

from __future__ import annotations

from typing import Any

from portl.jobs._models import Job, StepSpec


def kind_of(spec: dict[str, Any] | None) -> str:
    """The ``type`` a connection is written with, right or wrong; nothing where there is none."""
    kind = (spec or {}).get("type")
    return str(kind) if kind else ""


def connection_name(job: Job, step: StepSpec) -> str | None:
    """The connection a step uses: its own, else the transaction's if of its kind, else the only one of its kind."""
    if step.connection is not None or step.connects_to is None:
        return step.connection
    if job.transaction and kind_of(job.connections.get(job.transaction.connection)) == step.connects_to:
        return job.transaction.connection
    kinds = [name for name, spec in job.connections.items() if kind_of(spec) == step.connects_to]
    return kinds[0] if len(kinds) == 1 else None
