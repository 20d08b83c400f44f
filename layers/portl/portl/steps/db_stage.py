"""A chunk of a staged transaction: the compiler makes this of steps under ``transaction.staging``."""

from __future__ import annotations

from typing import Any

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs import Load, Prepared, StepType, Task, run_stage
from portl.steps import load_step_type


def _chunk(task: Task, _: StepType) -> dict[str, Any]:
    load: Load = load_step_type
    return run_stage(task, load)


def _prepared(_: Any, __: Connections) -> Prepared:
    raise NotImplementedError("a chunk is staged as a whole")


STEP = StepType("db_stage", StepSpec, _prepared, _chunk)
