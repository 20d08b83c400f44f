"""How a Task of one step goes over its records: once, or chunk by chunk with several calls under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from portl.errors import Place, RetryAfter, StepError
from portl.jobs import StepSpec
from portl.runs._asked import Asked
from portl.runs._fingerprint import fingerprint, fingerprint_once
from portl.runs._intents import Intent
from portl.runs._progress import Progress
from portl.runs._records import (
    Node,
    Tally,
    carry_out,
    chosen,
    make_node,
    masked,
    planned,
    record_scope,
    takes,
)
from portl.runs._replayed import others
from portl.runs._results import kept_result, part_name
from portl.runs._reuse import REUSED, answered, find_partial, partial_name, taken
from portl.runs._rows import Rows, RowsReader
from portl.runs._steptype import StepType
from portl.runs._task import Task

CALLS_AT_ONCE = 8
"""Calls of one chunk under way together, unless the step says ``concurrency``."""
TIME_MARGIN_S = 10.0
"""A chunk stops taking new records this long before its function would be stopped."""


def run_step(task: Task, step_type: StepType) -> dict[str, Any]:
    """Runs a step that is no database step: once, or for every record of the Task's chunk."""
    as_it_was = taken(task)
    if as_it_was is not None:
        return as_it_was
    node = make_node(task.step, task, lambda _: step_type)
    rows = task.rows
    if rows is None:
        return _once(task, node)
    work = fingerprint(task)
    return answered(task, work, lambda: Chunk(task, node, rows, work).run())


def _once(task: Task, node: Node) -> dict[str, Any]:
    scope = task.scope(task.view(None))
    intent = planned(node, scope, None) if chosen(node, scope, task.executor, None) else None
    return answered(task, fingerprint_once(task, intent), lambda: _do_once(task, node, intent))


def _do_once(task: Task, node: Node, intent: Intent | None) -> dict[str, Any]:
    result = None if intent is None else carry_out(node, intent, task.executor, None)
    task.folder.write(f"results/{node.spec.id}.json", kept_result(node.spec, result))
    tally = Tally()
    tally.counts[node.prepared.outcome(result) if result is not None else "left out"] += 1
    tally.keep(task.folder, None, node.spec.id)
    if node.branches and result is not None:
        return {"branch": task.executor.way(result["branch"], step_id=node.spec.id)}
    return answer_of(node.spec, result)


def answer_of(spec: StepSpec, result: Any) -> dict[str, Any]:
    """What a step that ran once tells the state machine: where its rows are, or that it is done."""
    if spec.shape.lists and result is not None:
        return {"rows": result["rows"]["$rows"]}
    return {"done": result is not None}


class Chunk:
    """One step over one chunk. What is finished is kept when it cannot go on, so that it is never done twice."""

    def __init__(self, task: Task, node: Node, rows: Rows, work: str) -> None:
        self._task, self._node, self._rows = task, node, rows
        self._source: RowsReader = task.source(rows)
        self._number = task.chunk or 0
        self._first = self._number * rows.size
        self._kept = partial_name(node.spec.id, self._number, work)
        self._executor = task.executor
        self._progress = Progress([node.spec.id], task.chunk, rows.count)
        self._done: dict[int, Any] = {}
        self._asked = Asked(task, node.spec.id, self._first)

    def run(self) -> dict[str, Any]:
        """Does what is left of the chunk and answers counts.

        Raises:
            StepError: of the first record that failed.
            RetryAfter: time runs short; the rest is for the next call.
        """
        self._done = dict(self._earlier())
        try:
            self._go()
        except (StepError, RetryAfter, KeyboardInterrupt):
            self._task.folder.write_lines(self._kept, [[idx, self._done[idx]] for idx in sorted(self._done)])
            self._asked.keep(self._kept)
            raise
        records = self._source.part(self._number)
        results = [self._done.get(self._first + at) for at in range(len(records))]
        self._task.folder.write_lines(part_name(self._node.spec.id, self._number), results)
        self._asked.keep(part_name(self._node.spec.id, self._number))
        self._task.folder.delete(self._kept)
        self._progress.end(len(results))
        return self._answer(results)

    def _earlier(self) -> list[list[Any]]:
        found = find_partial(self._task, self._kept)
        if found:
            lines = self._task.folder.read_lines(found)
            self._asked.reused |= {idx for idx, result in lines if result is not None and found != self._kept}
            return lines
        return [[*each] for each in others(self._task, self._rows, self._node.spec.id, self._number).items()]

    def _answer(self, results: list[Any]) -> dict[str, Any]:
        tally = Tally()
        outcome, reused = self._node.prepared.outcome, self._asked.reused
        found = [(idx, each) for idx, each in enumerate(results, self._first) if self._task.picks_record(idx)]
        tally.counts.update(REUSED if idx in reused else outcome(each) for idx, each in found if each is not None)
        results = [each for _, each in found]
        left_out = sum(each is None for each in results)
        if left_out:
            tally.counts["left out"] = left_out
        tally.keep(self._task.folder, self._task.chunk, self._node.spec.id)
        branches = {name: sum(takes(each, name) for each in results) for name in self._node.branches}
        return {"records": len(results), "failed": 0, **branches}

    def _go(self) -> None:
        workers = getattr(self._node.spec, "concurrency", None) or CALLS_AT_ONCE
        if self._node.spec.connects_to is None or workers == 1:
            for idx, scope in self._pending():
                self._done[idx] = self._one(idx, scope)
                self._progress.at(len(self._done))
        else:
            self._at_once(workers)

    def _pending(self) -> Iterator[tuple[int, dict[str, Any]]]:
        steps = self._task.view(self._rows)
        base = self._task.scope(steps)
        inside = masked(self._task, steps, self._rows)
        batch = self._node.spec.batch
        alias = batch.alias if batch else "row"
        for at, record in enumerate(self._source.part(self._number)):
            idx = self._first + at
            if idx in self._done:
                continue
            if self._task.remaining() < TIME_MARGIN_S:
                raise RetryAfter("1")
            scope = record_scope(base, alias, record, idx)
            if inside(idx) and self._chosen(scope, idx):
                yield idx, scope
            else:
                self._done[idx] = None

    def _chosen(self, scope: Mapping[str, Any], idx: int) -> bool:
        try:
            return chosen(self._node, scope, self._executor, idx)
        except StepError as problem:
            raise self._placed(problem, idx) from problem

    def _one(self, idx: int, scope: Mapping[str, Any]) -> Any:
        try:
            intent = planned(self._node, scope, idx)
            return self._asked.answer(idx, intent, lambda: carry_out(self._node, intent, self._executor, idx))
        except StepError as problem:
            raise self._placed(problem, idx) from problem

    def _placed(self, problem: StepError, idx: int) -> StepError:
        place = Place(step=self._node.spec.id, record=idx, line=self._source.line(idx), file=self._rows.file or None)
        return problem.at(place)

    def _at_once(self, workers: int) -> None:
        """At most ``workers`` records under way; the first failure stops the intake and lets the others finish."""
        under_way: dict[Future[Any], int] = {}
        failures: dict[int, StepError] = {}
        with ThreadPoolExecutor(workers) as pool:
            try:
                for idx, scope in self._pending():
                    if failures:
                        break
                    under_way[pool.submit(self._one, idx, scope)] = idx
                    if len(under_way) >= workers:
                        self._collect(under_way, failures)
                while under_way:
                    self._collect(under_way, failures)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                self._drain(under_way, failures)
                raise
        if failures:
            raise failures[min(failures)]

    def _collect(self, under_way: dict[Future[Any], int], failures: dict[int, StepError]) -> None:
        finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in finished:
            self._settle(future, under_way.pop(future), failures)
        self._progress.at(len(self._done))

    def _drain(self, under_way: dict[Future[Any], int], failures: dict[int, StepError]) -> None:
        for future, idx in under_way.items():
            if not future.cancelled():
                self._settle(future, idx, failures)

    def _settle(self, future: Future[Any], idx: int, failures: dict[int, StepError]) -> None:
        problem = future.exception()
        if isinstance(problem, StepError):
            failures[idx] = problem
        elif problem is not None:
            raise problem
        else:
            self._done[idx] = future.result()


Load = Callable[[str], StepType]
"""Gives the step type of a name; a transaction loads those its steps name and no others."""
