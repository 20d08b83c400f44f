"""What a unit of database work is done on, as a hash: its steps, its range and its source records, nothing computed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from portl.jobs import StepSpec, step_names
from portl.runs._fingerprint import meaning
from portl.runs._rows import part_digests
from portl.runs._task import Task

_CHANGES = re.compile(
    r"\b(insert|update|delete|merge|call|do|truncate|create|alter|drop|copy|grant|revoke|refresh|nextval|setval|notify)\b",
    re.IGNORECASE,
)


def may_write(task: Task) -> bool:
    """Whether the Task's steps may change the database: they lock a table, or their SQL has a word that changes something."""
    return bool(task.locks) or any(_CHANGES.search(sql) for group in task.groups for sql in _sql(list(group.steps)))


def _sql(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["sql"]] if isinstance(value.get("sql"), str) else []
        return [*own, *(sql for item in value.values() for sql in _sql(item))]
    return [sql for item in value for sql in _sql(item)] if isinstance(value, list) else []


def repeatable(steps: Sequence[StepSpec]) -> bool:
    """Whether the steps, done twice, leave what doing them once leaves.

    Each of them writes that way by itself, and what it writes is not worked out of what another of them has queried: that may
    be what the first time wrote.
    """
    queried = {step.name for step in steps if step.runs_sql()}
    writing = [step for step in steps if step.writes() or any(map(_CHANGES.search, _sql(step.model_dump())))]
    read = {name for step in writing for _, value in step.expressions() for name in step_names(value)}
    return all(step.repeatable() for step in writing) and queried.isdisjoint(read)


def work_hash(task: Task) -> str:
    """``<steps>:<records>``, the hashes of what the Task is about to do.

    They are the same for every attempt, and for every run of the same steps over the same records.
    """
    digest = hashlib.sha256()
    for group in task.groups:
        if group.rows is not None:
            if task.chunk is None:
                digest.update(f"{group.rows.count}".encode())
            parts = range(group.rows.chunks) if task.chunk is None else (task.chunk,)
            for each in part_digests(task.folder, group.rows, parts):
                digest.update(each.encode())
    return f"{steps_hash(task)}:{digest.hexdigest()}"


def steps_hash(task: Task) -> str:
    """The hash of the Task's steps and its chunk."""
    steps = [[meaning(step) for step in group.steps] for group in task.groups]
    return hashlib.sha256(json.dumps([task.chunk, steps], sort_keys=True, ensure_ascii=False).encode()).hexdigest()
