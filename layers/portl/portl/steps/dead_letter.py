"""The letters of a chunk whose function could not write them: the compiler puts this behind the Catch of its Task."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs import Prepared, Remaining, StepType, Task, set_chunk_aside


class Place(BaseModel):
    """The first step of a unit of the chunk, and the conditional and branch it stands in."""

    step: str
    mask: tuple[str, str] | None = None


class DeadLetter(StepSpec):
    """``of`` is the step that says dead_letter, in the unit of that name whose Task ended; ``rest`` are the units behind it."""

    id: str
    of: str
    unit: str
    first: str
    rest: list[Place]


def _set_aside(task: Task, _: StepType) -> dict[str, Any]:
    spec = DeadLetter.model_validate(task.step, strict=False)
    remaining = Remaining(spec.of, spec.unit, spec.first, tuple((place.step, place.mask) for place in spec.rest))
    return set_chunk_aside(task, remaining)


def _prepared(_: Any, __: Connections) -> Prepared:
    raise NotImplementedError("letters are written, not planned")


STEP = StepType("dead_letter", DeadLetter, _prepared, _set_aside)
