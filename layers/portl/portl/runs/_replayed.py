"""What a replay leaves as it was: the results of the records it does not do, put beside those it does."""

from __future__ import annotations

from typing import Any

from portl.runs._results import part_name
from portl.runs._rows import Rows
from portl.runs._task import Task
from portl.runs._units import find_result


def lines_before(task: Task, rows: Rows, step_id: str, part: int) -> list[Any]:
    """The results of a step for a part of the records: nulls where there are none."""
    name = find_result(task.folder, step_id, part_name(step_id, part), part)
    return task.folder.read_lines(name) if task.folder.exists(name) else [None] * len(task.source(rows).part(part))


def others(task: Task, rows: Rows, step_id: str, part: int) -> dict[int, Any]:
    """The results, by index, of the records of a part that are not to be done; none where all are."""
    if task.picks is None:
        return {}
    lines, first = lines_before(task, rows, step_id, part), part * rows.size
    return {idx: result for idx, result in enumerate(lines, first) if idx not in task.picks}
