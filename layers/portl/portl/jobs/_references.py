from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portl.errors import TemplateError
from portl.jobs._models import StepSpec
from portl.values import Reference, compile_value


@dataclass(frozen=True, slots=True)
class StepReference:
    """A step's result as an expression reads it: ``steps.<name>[<index>].<field>`` or ``steps.<name>.<field>``."""

    name: str
    indexed: bool
    field: str | None


def step_references(value: Any) -> Iterator[StepReference]:
    """The results that a value's expressions read; none where they do not compile, which the check tells."""
    for reference in _references(value):
        found = as_step_reference(reference)
        if found:
            yield found


def _references(value: Any) -> tuple[Reference, ...]:
    try:
        return compile_value(value).references
    except TemplateError:
        return ()


def as_step_reference(reference: Reference) -> StepReference | None:
    """What a reference reads of a step, or None when it reads something else."""
    path = reference.path
    if len(path) < 2 or path[0] != "steps" or not isinstance(path[1], str):  # noqa: PLR2004 - steps.<name>
        return None
    rest = path[2:]
    indexed = bool(rest) and not isinstance(rest[0], str)
    fields = [part for part in rest if isinstance(part, str)]
    return StepReference(path[1], indexed, fields[0] if fields else None)


def step_names(value: Any) -> frozenset[str]:
    """The names of the results that a value's expressions read."""
    return frozenset(found.name for found in step_references(value))


def reads(step: StepSpec) -> frozenset[str]:
    """The names of the results that a step and the steps inside it read."""
    own = {found.name for _, value in step.expressions() for found in step_references(value)}
    if step.batch:
        own |= {found.name for found in step_references(step.batch.source)}
    for _, inner in step.branches():
        for each in inner:
            own |= reads(each)
    return frozenset(own)


def source_of(step: StepSpec) -> tuple[str, str] | None:
    """``(step name, field)`` when the step's batch goes over exactly that list, as in ``{{ steps.read_csv.rows }}``."""
    if step.batch is None:
        return None
    references = _references(step.batch.source)
    if len(references) != 1:
        return None
    path = references[0].path
    bare = f"steps.{path[1]}.{path[2]}" if len(path) == 3 else None  # noqa: PLR2004 - steps.<name>.<field>
    text = step.batch.source.strip().removeprefix("{{").removesuffix("}}").strip()
    return (str(path[1]), str(path[2])) if bare is not None and text == bare else None
