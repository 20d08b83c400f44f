"""What the job says a plan may take for the result of a step (``sample``), in the form that a result of its type has."""

from __future__ import annotations

from typing import Any

from portl.errors import Place, RunError
from portl.jobs import Job, StepSpec, walk_steps
from portl.values import Unknown


class Sampled(dict[str, Any]):
    """A sample with some of a result's fields: the others are unknown."""

    def __init__(self, step: StepSpec, given: dict[str, Any]) -> None:
        super().__init__({field: Unknown.named(f"{step.name}.{field}") for field in step.result_shape.fields or ()} | given)
        self._name = step.name

    def __missing__(self, field: str) -> Unknown:
        return Unknown.named(f"{self._name}.{field}")


def samples_of(job: Job) -> dict[str, Any]:
    """The samples of a job by step.

    Raises:
        RunError: R141, one is of another form than the step's result.
    """
    return {step.id: _shaped(step) for step in walk_steps(job.steps) if step.sample is not None}


def _shaped(step: StepSpec) -> Any:
    given = step.sample
    if step.result_shape.lists:
        given = {"rows": given} if isinstance(given, list) else given
        if isinstance(given, dict) and isinstance(given.get("rows", []), list):
            count = {"count": len(given["rows"])} if "rows" in given else {}
            return Sampled(step, {**count, **given})
    elif step.result_shape.fields is None or isinstance(given, dict):
        return Sampled(step, given) if isinstance(given, dict) and step.result_shape.fields is not None else given
    form = "a list of records, or a mapping with rows" if step.result_shape.lists else "a mapping"
    known = ", ".join(sorted(step.result_shape.fields or ()))
    text = f"the sample of {step.id} is {type(given).__name__}, and the result of {step.type} is {form} ({known})"
    raise RunError(text, code="R141", hint="write it in that form, or leave it out", place=Place(step=step.id))
