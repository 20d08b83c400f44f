"""One transaction over several steps and any number of records, on one connection, in one Task."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from portl.errors import Place, RunError, StepError
from portl.jobs import DATABASES
from portl.runs._drivers import Load, answer_of
from portl.runs._intents import Begin
from portl.runs._progress import Progress
from portl.runs._records import Node, Tally, chosen, make_node, masked, perform, record_scope, takes
from portl.runs._results import StepsView, kept_result, part_name
from portl.runs._rows import Rows
from portl.runs._steptype import StepType
from portl.runs._task import Task
from portl.runs._work import may_write, work_hash

Keep = Callable[[str, Any], None]
"""Takes the result of a step, by its id."""

MARGIN_S = 20.0
"""Seconds before the function's end at which a transaction is given up, so that it rolls back by itself."""
JUDGED_AFTER_S = 30.0
"""How long a transaction runs before its speed tells whether it will fit."""
REPLAYED = "answered as before"
"""What a record counts as whose unit had been done already."""


def run_transaction(task: Task, load: Load) -> dict[str, Any]:
    """Runs the Task's groups, record by record, and commits them together.

    Raises:
        StepError: the first record that failed, or the connection; everything is rolled back.
        RunError: R110, the transaction will not fit into its function's time.
    """
    return Transaction(task, load).run()


def single_step(task: Task, step_type: StepType) -> dict[str, Any]:
    """Runs a database step that stands alone: its chunk, or its one record, is a transaction."""
    return run_transaction(task, lambda _: step_type)


class Transaction:
    """A transaction under way."""

    def __init__(self, task: Task, load: Load) -> None:
        self._task = task
        self._executor = task.executor
        self._groups = [(group, tuple(make_node(step, task, load) for step in group.steps)) for group in task.groups]
        self._tallies: dict[str, Tally] = {}
        self._started = time.monotonic()
        self._finished = 0
        self._made: dict[str, Rows] = {}

    def run(self) -> dict[str, Any]:
        """Begins, does every group, commits; any failure rolls back."""
        task = self._task
        work = work_hash(task) if may_write(task) else None
        begin = Begin(self._connection(), task.name, task.locks, task.chunk, work)
        run = task.folder
        with self._executor.transaction(begin, task.remaining() - MARGIN_S) as unit:
            if not unit.done:
                task.folder = unit.folder
                unit.answer = self._work(begin)
            self._settle(begin)
        unit.publish(run, (each.spec.id for each in self._nodes()), task.chunk)
        for step_id, counts in unit.answer["stats"].items():
            Tally(Counter({REPLAYED: sum(counts.values())} if unit.done else counts)).keep(run, task.chunk, step_id)
        answer: dict[str, Any] = unit.answer["answer"]
        return answer

    def _settle(self, begin: Begin) -> None:
        """What else commits with the unit, done now or before."""

    def _work(self, _: Begin) -> dict[str, Any]:
        for group, nodes in self._groups:
            rows = self._made.get(group.rows_of) if group.rows_of else group.rows
            if rows is not None:
                self._over(rows, nodes)
            elif group.rows_of is None:
                self._once(nodes)
        lists = {step_id: rows.to_json() for step_id, rows in self._made.items()}
        # a step that stands alone answers its rows as every source does
        alone = {"rows": next(iter(lists.values()))} if len(lists) == 1 else {}
        answer = {"records": self._finished, "failed": 0, **alone, **({"lists": lists} if lists else {})}
        return {"answer": answer, "stats": {step_id: dict(tally.counts) for step_id, tally in self._tallies.items()}}

    def _nodes(self) -> Iterator[Node]:
        for _, nodes in self._groups:
            for node in nodes:
                yield node
                yield from node.inner

    def _connection(self) -> str:
        for each in self._nodes():
            if each.spec.connects_to in DATABASES and each.spec.connection:
                return each.spec.connection
        raise AssertionError

    def _once(self, nodes: tuple[Node, ...]) -> None:
        steps = self._task.view(None)

        specs = {node.spec.id: node.spec for node in self._nodes()}

        def keep(step_id: str, result: Any) -> None:
            steps.whole[step_id] = kept_result(specs[step_id], result)
            self._task.folder.write(f"results/{step_id}.json", steps.whole[step_id])
            steps.forget(step_id)
            answer = answer_of(specs[step_id], result)
            if "rows" in answer:
                self._made[step_id] = Rows(**answer["rows"])

        for node in nodes:
            self._walk(node, self._task.scope(steps), None, keep)

    def _over(self, rows: Rows, nodes: tuple[Node, ...]) -> None:
        steps = self._task.view(rows)
        parts = range(rows.chunks) if self._task.chunk is None else [self._task.chunk]
        ids = [each.spec.id for node in nodes for each in (node, *node.inner)]
        progress, begun = Progress([node.spec.id for node in nodes], self._task.chunk, rows.count), self._finished
        for part in parts:
            for done in self._part(rows, part, nodes, steps, ids):
                progress.at(self._finished - begun + done)
            if self._task.chunk is None:
                self._will_fit(rows)
        progress.end(self._finished - begun)

    def _part(self, rows: Rows, part: int, nodes: tuple[Node, ...], steps: StepsView, ids: list[str]) -> Iterator[int]:
        """Does a part of the records and keeps its results; yields how many are done, record by record."""
        source = self._task.source(rows)
        base = self._task.scope(steps)
        inside = masked(self._task, steps, rows)
        records = source.part(part)
        steps.fresh.update({step_id: {} for step_id in ids})
        for at, record in enumerate(records):
            idx = part * rows.size + at
            if not inside(idx):
                continue
            try:
                self._record(nodes, base, record, idx, steps)
            except StepError as problem:
                raise problem.at(Place(record=idx, line=source.line(idx), file=rows.file or None)) from problem
            yield at + 1
        for step_id in ids:
            results = steps.fresh[step_id]
            lines = [results.get(part * rows.size + at) for at in range(len(records))]
            self._task.folder.write_lines(part_name(step_id, part), lines)
        self._finished += len(records)

    def _record(self, nodes: tuple[Node, ...], base: dict[str, Any], record: Any, idx: int, steps: StepsView) -> None:
        def keep(step_id: str, result: Any) -> None:
            steps.fresh[step_id][idx] = result

        for node in nodes:
            batch = node.spec.batch
            self._walk(node, record_scope(base, batch.alias if batch else "row", record, idx), idx, keep)

    def _walk(self, node: Node, scope: dict[str, Any], idx: int | None, keep: Keep) -> None:
        """Does a step for a record, then the branch it chose; the results are seen by the steps that follow."""
        tally = self._tallies.setdefault(node.spec.id, Tally()).counts
        try:
            entered = chosen(node, scope, self._executor, idx)
        except StepError as problem:
            raise problem.at(Place(step=node.spec.id, record=idx)) from problem
        if not entered:
            tally["left out"] += 1
            keep(node.spec.id, None)
            return
        result = perform(node, scope, self._executor, idx)
        tally[node.prepared.outcome(result)] += 1
        keep(node.spec.id, result)
        for branch, nodes in node.branches.items():
            for inner in nodes if takes(result, branch) else ():
                self._walk(inner, scope, idx, keep)

    def _will_fit(self, rows: Rows) -> None:
        """Gives up early, with the way out, when the records left would take longer than the function has."""
        spent = time.monotonic() - self._started
        if spent < JUDGED_AFTER_S or not self._finished:
            return
        needed = spent / self._finished * (rows.count - self._finished)
        left = self._task.remaining() - MARGIN_S
        if needed > left:
            text = f"the transaction needs about {needed:,.0f} s more for its records and its function has {left:,.0f} s"
            hint = "write transaction.staging: true, or transaction.scope: chunk"
            raise RunError(text, code="R110", hint=hint)
