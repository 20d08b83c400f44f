"""A Task of database steps: one transaction, or in a replay one for every record."""

from __future__ import annotations

from typing import Any

from portl.runs._drivers import Load
from portl.runs._fingerprint import fingerprint
from portl.runs._replay import UnitReplay
from portl.runs._reuse import answered, taken
from portl.runs._staged_commit import StagedCommit
from portl.runs._steptype import StepType
from portl.runs._task import Task
from portl.runs._transaction import Transaction


def run_transaction(task: Task, load: Load) -> dict[str, Any]:
    """Runs the Task's groups, record by record, and commits them together.

    Raises:
        StepError: the first record that failed, or the connection; everything is rolled back.
        RunError: R110, the transaction will not fit into its function's time.
    """
    return _run(task, load, Transaction)


def run_commit(task: Task, load: Load) -> dict[str, Any]:
    """Makes rows of everything that is staged for the Task's unit, and commits; in a replay records are not staged.

    Raises:
        StepError: the first record that the database refused, or the connection; everything is rolled back.
        RunError: R110, the commit will not fit into its function's time; R115 to R117, the stage cannot be committed.
    """
    return _run(task, load, StagedCommit)


def _run(task: Task, load: Load, kind: type[Transaction]) -> dict[str, Any]:
    as_it_was = taken(task)
    if as_it_was is not None:
        return as_it_was
    work = fingerprint(task)
    doing = kind if task.picks is None else UnitReplay
    return answered(task, lambda: work, lambda: doing(task, load, work).run())


def single_step(task: Task, step_type: StepType) -> dict[str, Any]:
    """Runs a database step that stands alone: its chunk, or its one record, is a transaction."""
    return run_transaction(task, lambda _: step_type)
