"""Several steps in one transaction: the compiler makes this of the database steps that commit together."""

from __future__ import annotations

from typing import Any

from portl.connections import Connections
from portl.jobs import StepSpec
from portl.runs import Load, Prepared, StepType, Task, run_transaction
from portl.steps import load_step_type


def _unit(task: Task, _: StepType) -> dict[str, Any]:
    load: Load = load_step_type
    return run_transaction(task, load)


def _prepared(_: Any, __: Connections) -> Prepared:
    raise NotImplementedError("a transaction is driven as a whole")


STEP = StepType("db_transaction", StepSpec, _prepared, _unit)
