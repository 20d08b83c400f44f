"""How a Task stages a chunk: its records are mapped as if they were written, and wait in the stages of their unit."""

from __future__ import annotations

from typing import Any, cast

from portl.errors import Place, StepError
from portl.runs._drivers import Load
from portl.runs._fingerprint import step_ids
from portl.runs._intents import Begin, Stage, Statement
from portl.runs._letters import set_aside
from portl.runs._progress import Progress
from portl.runs._records import Node, chosen, make_node, record_scope
from portl.runs._rows import Rows
from portl.runs._staged import Lot, Share, Stageable
from portl.runs._task import Task


def run_stage(task: Task, load: Load) -> dict[str, Any]:
    """Stages the Task's chunk for its unit and answers counts. What the ledger knows of the unit is not staged again.

    Raises:
        StepError: of the first record that failed.
    """
    group = task.groups[0]
    connection = str(group.steps[0]["connection"])
    answer = {"records": 0, "failed": 0}
    if group.rows is None or _not_wanted(task) or task.executor.knows(Begin(connection, task.stage)):
        return answer
    nodes = [make_node(step, task, load) for step in group.steps]
    lot = _Chunk(task, group.rows, nodes).lot()
    try:
        task.executor.stage(connection, lot)
    except StepError as problem:
        raise task.in_file(group.rows, problem) from problem.__cause__
    return {**answer, "records": lot.count}


def _not_wanted(task: Task) -> bool:
    """Whether the commit will take what an earlier run has, or in a replay does its records by themselves."""
    origin = task.run.origin
    return origin is not None and (origin.picks is not None or origin.keep.issuperset(step_ids(task)))


class _Chunk:
    def __init__(self, task: Task, rows: Rows, nodes: list[Node]) -> None:
        self._task, self._rows, self._nodes = task, rows, nodes
        self._number = task.chunk or 0
        self._first = self._number * rows.size
        self._shares = tuple(Share(node.spec.id, cast("Stageable", node.prepared).staged(), []) for node in nodes)

    def lot(self) -> Lot:
        """The chunk's records, step by step."""
        base = self._task.scope(self._task.view(self._rows))
        before = set_aside(self._task.folder, self._task.groups[0].after, self._number, writer=self._task.letters_by)
        records = self._task.source(self._rows).part(self._number)
        progress = Progress([node.spec.id for node in self._nodes], self._task.chunk, self._rows.count)
        for at, record in enumerate(records):
            for node, share in zip(self._nodes, self._shares, strict=True):
                if self._first + at in before:
                    share.left_out += 1
                    continue
                alias = node.spec.batch.alias if node.spec.batch else "row"
                self._one(node, share, record_scope(base, alias, record, self._first + at), self._first + at)
            progress.at(at)
        progress.end(len(records))
        return Lot(self._task.stage, self._number, self._first, len(records), self._shares)

    def _one(self, node: Node, share: Share, scope: dict[str, Any], idx: int) -> None:
        executor = self._task.executor
        try:
            if not chosen(node, scope, executor, idx):
                share.left_out += 1
                return
            intent = node.prepared.plan(scope)
        except StepError as problem:
            raise self._task.in_file(self._rows, problem.at(Place(step=node.spec.id, record=idx))) from problem.__cause__
        if not isinstance(intent, Statement):
            executor.note(intent, step_id=node.spec.id, record=idx)
            share.skipped += 1
            return
        write = share.write
        executor.note(Stage(write.connection, write.table, write.columns, intent.params), step_id=node.spec.id, record=idx)
        share.rows.append((idx, intent.params))
