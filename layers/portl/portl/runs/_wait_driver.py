"""How a Task goes that waits: it looks once, and its state machine leads back to it until what is waited for is there."""

from __future__ import annotations

from typing import Any

from portl.runs._drivers import run_step
from portl.runs._file_waits import StillWaiting
from portl.runs._steptype import StepType
from portl.runs._task import Task


def run_wait(task: Task, step_type: StepType) -> dict[str, Any]:
    """Looks once. The answer's ``wait`` says in how many seconds to look again; 0: it is there, and the step is done."""
    try:
        return {**run_step(task, step_type), "wait": 0}
    except StillWaiting as problem:
        return {"wait": problem.seconds}
