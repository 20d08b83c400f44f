"""How a Task goes whose answer comes in pages: what stops it is waited for by its state machine, which leads back to it."""

from __future__ import annotations

from typing import Any

from portl.errors import RetryAfter, StepError
from portl.runs._drivers import run_step
from portl.runs._steptype import StepType
from portl.runs._task import Task
from portl.runs._waits import wait_for


def run_pages(task: Task, step_type: StepType) -> dict[str, Any]:
    """Reads all pages, or as many as can be now.

    The answer's ``wait`` says in how many seconds to go on; 0: all are read, and the step is done. Until then it has no rows.
    """
    try:
        return {**run_step(task, step_type), "wait": 0}
    except RetryAfter as pause:
        return {"wait": int(str(pause)), "rows": None}
    except StepError as problem:
        told = wait_for(problem, task.folder, task.step, 0)
        if told is None:
            raise
        return {"wait": int(str(told)), "rows": None}
