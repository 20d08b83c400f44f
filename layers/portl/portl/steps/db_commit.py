"""The commit of a staged transaction: the compiler puts this behind the chunks that fill its stage."""

from __future__ import annotations

from typing import Any

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs import Load, Prepared, StepType, Task, run_commit
from portl.steps import load_step_type


def _unit(task: Task, _: StepType) -> dict[str, Any]:
    load: Load = load_step_type
    return run_commit(task, load)


def _prepared(_: Any, __: Connections) -> Prepared:
    raise NotImplementedError("a transaction is driven as a whole")


STEP = StepType("db_commit", StepSpec, _prepared, _unit)
