"""One transaction over several steps and any number of records, on one connection, in one Task."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from portl.errors import Place, RunError, StepError
from portl.jobs import DATABASES, goes_outside
from portl.runs._aside import UnitLetters, Walk, as_before, count_failed, count_failed_before
from portl.runs._attempts import SLEPT_S
from portl.runs._counts import LEFT_OUT, REPLAYED
from portl.runs._drivers import Load, answer_of
from portl.runs._intents import Again, Begin
from portl.runs._letters import Addressed, Letter, is_set_aside
from portl.runs._progress import Progress
from portl.runs._records import Node, Tally, chosen, make_node, masked, perform, record_scope, takes
from portl.runs._results import StepsView, kept_result, part_name
from portl.runs._reuse import changed
from portl.runs._rows import Rows
from portl.runs._task import Task
from portl.runs._units import Unit
from portl.runs._work import may_write, repeatable, work_hash

Keep = Callable[[str, Any], None]
"""Takes the result of a step, by its id."""

MARGIN_S = 20.0
"""Seconds before the function's end at which a transaction is given up, so that it rolls back by itself."""
JUDGED_AFTER_S = 30.0
"""How long a transaction runs before its speed tells whether it will fit."""


class Transaction:
    """A transaction under way."""

    def __init__(self, task: Task, load: Load, fingerprint: str) -> None:
        self._task = task
        self._fingerprint = fingerprint
        self._executor = task.executor
        self._groups = [(group, tuple(make_node(step, task, load) for step in group.steps)) for group in task.groups]
        self._tallies: dict[str, Tally] = {}
        self._started = time.monotonic()
        self._finished = 0
        self._made: dict[str, Rows] = {}
        self._before: Mapping[int, str] = {}
        self._aside = UnitLetters(task, tuple(self._nodes()))
        self._database = self._connection()

    def run(self) -> dict[str, Any]:
        """Begins, does every group, commits; any failure rolls back."""
        task = self._task
        work = work_hash(task) if may_write(task) else None
        run = task.folder
        unit = self.commit(self.begin(task.name, task.chunk, work, self.again(), self._records()))
        unit.publish(run, (each.spec.id for each in self._nodes()), task.chunk)
        self._aside.publish(unit, run)
        for step_id, counts in unit.answer["stats"].items():
            Tally(as_before(counts) if unit.done else Counter(counts)).keep(run, task.chunk, step_id)
        answer: dict[str, Any] = unit.answer["answer"]
        return answer

    def begin(
        self, unit: str, chunk: int | None, work: str | None, again: Again | None, records: tuple[int, int] | None = None
    ) -> Begin:
        """How the transaction begins; the arguments as of ``Begin``."""
        calls = any(goes_outside(each.spec) for each in self._nodes())
        return Begin(self._database, unit, self._task.locks, chunk, work, calls, again, records)

    def commit(self, begin: Begin, failing: Callable[[StepError], None] | None = None) -> Unit:
        """Does every group in one transaction, or finds that it is done; raises as ``run``.

        ``failing`` is told of an error while the transaction is still open.
        """
        with self._executor.transaction(begin, self._task.remaining() - MARGIN_S) as unit:
            if not unit.done:
                self._before = unit.before
                self._task.folder = unit.folder
                unit.answer = self._told(begin, failing)
            self._settle(begin)
        return unit

    def _told(self, begin: Begin, failing: Callable[[StepError], None] | None) -> dict[str, Any]:
        try:
            return self._work(begin)
        except StepError as problem:
            if failing is not None:
                failing(problem)
            raise

    def keeps_aside(self, problem: StepError) -> str | None:
        """The step that failed, where it keeps a record aside for that; else None."""
        failed = next((node for node in self._nodes() if node.spec.id == problem.place.step), None)
        return None if failed is None or not is_set_aside(failed.spec, problem, waits=False) else failed.spec.id

    def letter(self, problem: StepError, addressed: Addressed, idx: int) -> Letter | None:
        """The letter of a record that a replay could not do; None where its step keeps none aside for that."""
        step_id = self.keeps_aside(problem)
        if step_id is None:
            return None
        first = next(self._nodes()).spec.id
        return addressed.letter(problem, step=step_id, record=idx, **{"from": first, "request": None})

    def _settle(self, begin: Begin) -> None:
        """What else commits with the unit, done now or before."""

    def _work(self, _: Begin) -> dict[str, Any]:
        for group, nodes in self._groups:
            rows = self._made.get(group.rows_of) if group.rows_of else group.rows
            if rows is not None:
                self._over(rows, nodes, group.after)
            elif group.rows_of is None:
                self._once(nodes)
        self._aside.keep()
        lists = {step_id: rows.to_json() for step_id, rows in self._made.items()}
        # a step that stands alone answers its rows as every source does
        alone = {"rows": next(iter(lists.values()))} if len(lists) == 1 else {}
        answer = {"records": self._finished, "failed": self._aside.count, **alone, **({"lists": lists} if lists else {})}
        stats = {step_id: dict(tally.counts) for step_id, tally in self._tallies.items()}
        return {"answer": answer, "stats": stats, "left": self._aside.left}

    def _nodes(self) -> Iterator[Node]:
        for _, nodes in self._groups:
            for node in nodes:
                yield node
                yield from node.inner

    def again(self) -> Again | None:
        """What holds when the unit was done before, in a run that goes on from an earlier one."""
        if self._task.run.origin is None:
            return None
        specs = [each.spec for each in self._nodes()]
        return Again(changed=changed(self._task, self._fingerprint), repeatable=repeatable(specs))

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

        walk = Walk()
        for node in nodes:
            self._walk(node, self._task.scope(steps), None, keep, walk)
        walk.count(self._tallies)

    def _over(self, rows: Rows, nodes: tuple[Node, ...], after: tuple[str, ...]) -> None:
        steps = self._task.view(rows)
        parts = self._task.parts(rows)
        ids = [each.spec.id for node in nodes for each in (node, *node.inner)]
        progress, begun = Progress([node.spec.id for node in nodes], self._task.chunk, rows.count), self._finished
        for part in parts:
            for done in self._part(rows, part, nodes, steps, ids, after):
                progress.at(self._finished - begun + done)
            if self._task.chunk is None:
                self._will_fit(rows)
        progress.end(self._finished - begun)

    def _part(
        self, rows: Rows, part: int, nodes: tuple[Node, ...], steps: StepsView, ids: list[str], after: tuple[str, ...]
    ) -> Iterator[int]:
        """Does a part of the records and keeps its results; yields how many are done, record by record."""
        source = self._task.source(rows)
        base = self._task.scope(steps)
        inside = masked(self._task, steps, rows, self._task.mask)
        records = source.part(part)
        addressed = Addressed(source, self._task.folder.run_id)
        before = self._aside.before(after, part)
        steps.fresh.update({step_id: {} for step_id in ids})
        for at, record in enumerate(records):
            idx = part * rows.size + at
            if not self._task.picks_record(idx):
                continue
            if idx in before:
                count_failed_before(self._tallies, nodes)
            elif inside(idx) and not self._was_replayed(idx, rows, steps, ids):
                self._record(nodes, base, record, idx, steps, addressed)
                yield at + 1
        for step_id in ids:
            results = steps.fresh[step_id]
            lines = [results.get(part * rows.size + at) for at in range(len(records))]
            self._task.folder.write_lines(part_name(step_id, part), lines)
        self._finished += len(records)

    def _records(self) -> tuple[int, int] | None:
        """The indexes of a chunk's records: a unit over all records commits as a whole, and has none by themselves."""
        rows = self._task.groups[0].rows
        if rows is None or self._task.chunk is None:
            return None
        first = self._task.chunk * rows.size
        return first, first + rows.size - 1

    def _was_replayed(self, idx: int, rows: Rows, steps: StepsView, ids: list[str]) -> bool:
        """Whether a replay has committed the record by itself; its results are then those of the replay."""
        at = self._before.get(idx)
        if at is None:
            return False
        for step_id in ids:
            name = f"{at}/{part_name(step_id, idx // rows.size)}"
            steps.fresh[step_id][idx] = self._task.folder.read_lines(name)[idx % rows.size]
            self._tallies.setdefault(step_id, Tally()).counts[REPLAYED] += 1
        return True

    def _record(
        self, nodes: tuple[Node, ...], base: dict[str, Any], record: Any, idx: int, steps: StepsView, addressed: Addressed
    ) -> None:
        """Does every step for a record. What it did goes when it is kept aside."""
        made: list[str] = []
        walk = Walk()

        def keep(step_id: str, result: Any) -> None:
            steps.fresh[step_id][idx] = result
            made.append(step_id)

        try:
            with self._aside.apart(self._database):
                for walk.top, node in enumerate(nodes):
                    batch = node.spec.batch
                    scope = record_scope(base, batch.alias if batch else "row", record, idx)
                    self._walk(node, scope, idx, keep, walk)
        except StepError as problem:
            self._aside.take(problem, walk, idx, addressed)
            count_failed(self._tallies, walk, nodes)
            for step_id in made:
                steps.fresh[step_id][idx] = None
        else:
            walk.count(self._tallies)

    def _walk(self, node: Node, scope: dict[str, Any], idx: int | None, keep: Keep, walk: Walk) -> None:
        """Does a step for a record, then the branch it chose; the results are seen by the steps that follow."""
        walk.enter(node)
        try:
            entered = chosen(node, scope, self._executor, idx)
        except StepError as problem:
            raise problem.at(Place(step=node.spec.id, record=idx)) from problem
        if not entered:
            walk.counted.append((node, LEFT_OUT))
            keep(node.spec.id, None)
            return
        walk.scope = scope
        result = perform(node, scope, self._executor, idx, most_slept=SLEPT_S)
        walk.counted.append((node, node.prepared.outcome(result)))
        keep(node.spec.id, result)
        for branch, nodes in node.branches.items():
            for inner in nodes if takes(result, branch) else ():
                self._walk(inner, scope, idx, keep, walk)

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
