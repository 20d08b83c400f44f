"""How a step's spec, its connections and what it reads stand in a Task's payload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from portl.jobs import (
    Job,
    StepSpec,
    connection_name,
    encode_spec,
    source_of,
    step_names,
    step_references,
    stores_of,
    walk_steps,
)

QUIET = {"sample", "save_as", "sql_file"}
"""Fields that mean nothing to the function."""


def lowered(job: Job, step: StepSpec, *, nested: bool) -> dict[str, Any]:
    """The step as its function reads it; ``nested`` keeps the steps of its branches inside it."""
    spec: dict[str, Any] = step.model_dump(by_alias=True, exclude_defaults=True, exclude=QUIET | {"then", "else_"})
    spec |= step.inlined()
    name = connection_name(job, step)
    if name is not None:
        spec["connection"] = name
    if nested:
        for branch, inner in step.branches():
            if inner:
                spec[branch] = [_plain(job, each) for each in inner]
    encoded: dict[str, Any] = encode_spec(spec)
    return encoded


def _plain(job: Job, step: StepSpec) -> dict[str, Any]:
    return lowered(job, step, nested=True)


def with_share(spec: dict[str, Any], chunks: int) -> dict[str, Any]:
    """The spec with the share of its ``rate`` that each of so many chunks has which are under way together."""
    branches: dict[str, Any] = {
        name: [with_share(each, chunks) for each in spec[name]] for name in ("then", "else") if name in spec
    }
    if "rate" in spec:
        rate = {"per_s": 1.0, **spec["rate"]}
        spec = {**spec, "rate": {**rate, "per_s": rate["per_s"] * chunks}}
    return {**spec, **branches}


def connections(job: Job, steps: Iterable[StepSpec]) -> dict[str, Any]:
    """The specs of the connections that the steps use, by name; of stores those that their addresses may lead to."""
    steps = list(steps)
    names = {connection_name(job, step) for step in walk_steps(steps)} | stores_of(job, steps)
    return {name: encode_spec(spec) for name, spec in job.connections.items() if name in names}


def row_stores(job: Job, steps: Iterable[StepSpec], values: Iterable[Any]) -> dict[str, Any]:
    """The specs of the stores, besides those of ``connections``, in which rows may be that the steps go over or values name.

    They are no connections of the steps: that a store is another one now makes no difference to what is done with its rows.
    """
    steps = list(steps)
    wanted: set[tuple[str, str | None]] = {source for step in walk_steps(steps) if (source := source_of(step)) is not None}
    wanted |= {(found.name, found.field) for value in values for found in step_references(value)}
    makers = [
        step
        for step in walk_steps(job.steps)
        if step.leaves_rows() and any((step.name, field) in wanted for field in (*step.result_shape.lists, None))
    ]
    return {name: encode_spec(job.connections[name]) for name in sorted(stores_of(job, makers) - stores_of(job, steps))}


def reads(job: Job, values: Iterable[Any]) -> dict[str, list[str]]:
    """The results that the values' expressions name: name → ids, ``[]`` behind those with one result a record."""
    wanted = sorted({name for value in values for name in step_names(value)})
    found: dict[str, list[str]] = {}
    for name in wanted:
        found[name] = [step.id + ("[]" if per_record(job, step) else "") for step in walk_steps(job.steps) if step.name == name]
    return {name: ids for name, ids in found.items() if ids}


def step_values(steps: Iterable[StepSpec]) -> list[Any]:
    """Every value with expressions of the steps and those inside them."""
    return [value for step in walk_steps(list(steps)) for _, value in step.expressions()]


def per_record(job: Job, step: StepSpec) -> bool:
    """Whether the step has one result a record: it, or the conditional around it, has a batch."""
    return any(
        outer.batch is not None and any(each.id == step.id for each in walk_steps([outer])) for outer in walk_steps(job.steps)
    )
