"""How a Task of one step goes over its records: once, or chunk by chunk with several calls under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from portl.errors import RetryAfter, StepError
from portl.jobs import StepSpec
from portl.runs._intents import SetAside
from portl.runs._letters import (
    FAILED,
    FAILED_BEFORE,
    Addressed,
    Letter,
    chunk_letters,
    is_set_aside,
    keep_letters,
    request_of,
    says_dead_letter,
    set_aside,
)
from portl.runs._progress import Progress
from portl.runs._records import LEFT_OUT, Node, Tally, chosen, make_node, masked, perform, record_scope, takes
from portl.runs._results import kept_result, part_name
from portl.runs._rows import Rows, RowsReader
from portl.runs._steptype import StepType
from portl.runs._task import Task

CALLS_AT_ONCE = 8
"""Calls of one chunk under way together, unless the step says ``concurrency``."""
TIME_MARGIN_S = 10.0
"""A chunk stops taking new records this long before its function would be stopped."""


def run_step(task: Task, step_type: StepType) -> dict[str, Any]:
    """Runs a step that is no database step: once, or for every record of the Task's chunk."""
    node = make_node(task.step, task, lambda _: step_type)
    if task.rows is None:
        return _once(task, node)
    return Chunk(task, node, task.rows).run()


def _once(task: Task, node: Node) -> dict[str, Any]:
    steps = task.view(None)
    scope = task.scope(steps)
    result = perform(node, scope, task.executor, None) if chosen(node, scope, task.executor, None) else None
    task.folder.write(f"results/{node.spec.id}.json", kept_result(node.spec, result))
    tally = Tally()
    tally.counts[node.prepared.outcome(result) if result is not None else LEFT_OUT] += 1
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

    def __init__(self, task: Task, node: Node, rows: Rows) -> None:
        self._task, self._node, self._rows = task, node, rows
        self._source: RowsReader = task.source(rows)
        self._number = task.chunk or 0
        self._first = self._number * rows.size
        self._kept = f"partial/{node.spec.id}/{self._number:05d}.jsonl"
        self._executor = task.executor
        self._progress = Progress([node.spec.id], task.chunk, rows.count)
        self._done: dict[int, Any] = {}
        self._before = set_aside(task.folder, task.groups[0].after, self._number)
        self._letters: dict[int, Letter] = {}

    def run(self) -> dict[str, Any]:
        """Does what is left of the chunk and answers counts.

        Raises:
            StepError: of the first record that failed and is not kept aside.
            RetryAfter: time runs short; the rest is for the next call.
        """
        self._done = dict(self._earlier())
        self._letters = self._earlier_letters()
        try:
            self._go()
        except (StepError, RetryAfter, KeyboardInterrupt):
            self._keep_letters()
            self._task.folder.write_lines(self._kept, [[idx, self._done[idx]] for idx in sorted(self._done)])
            raise
        records = self._source.part(self._number)
        results = [self._done.get(self._first + at) for at in range(len(records))]
        self._keep_letters()
        self._task.folder.write_lines(part_name(self._node.spec.id, self._number), results)
        self._task.folder.delete(self._kept)
        self._progress.end(len(results))
        return self._answer(results)

    def _earlier(self) -> list[list[Any]]:
        return self._task.folder.read_lines(self._kept) if self._task.folder.exists(self._kept) else []

    def _earlier_letters(self) -> dict[int, Letter]:
        """The letters of what is finished. One of a record that is not will be made anew, or not."""
        if not (self._done and says_dead_letter(self._node.spec)):
            return {}
        found = chunk_letters(self._task.folder, self._node.spec.id, self._number)
        return {letter["record"]: letter for letter in found if letter["record"] in self._done}

    def _keep_letters(self) -> None:
        if says_dead_letter(self._node.spec):
            keep_letters(self._task.folder, self._node.spec.id, self._number, self._letters.values())

    def _answer(self, results: list[Any]) -> dict[str, Any]:
        tally = Tally()
        tally.counts.update(self._node.prepared.outcome(each) for each in results if each is not None)
        failed, before = len(self._letters), len(self._before)
        left_out = sum(each is None for each in results) - failed - before
        tally.counts.update(+Counter({FAILED: failed, FAILED_BEFORE: before, LEFT_OUT: left_out}))
        tally.keep(self._task.folder, self._task.chunk, self._node.spec.id)
        branches = {name: sum(takes(each, name) for each in results) for name in self._node.branches}
        return {"records": len(results), "failed": failed, **branches}

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
        inside = masked(self._task, steps, self._rows, self._task.mask)
        batch = self._node.spec.batch
        alias = batch.alias if batch else "row"
        for at, record in enumerate(self._source.part(self._number)):
            idx = self._first + at
            if idx in self._done:
                continue
            if self._task.remaining() < TIME_MARGIN_S:
                raise RetryAfter("1")
            scope = record_scope(base, alias, record, idx)
            if idx not in self._before and inside(idx) and self._chosen(scope, idx):
                yield idx, scope
            else:
                self._done[idx] = None

    def _chosen(self, scope: Mapping[str, Any], idx: int) -> bool:
        try:
            return chosen(self._node, scope, self._executor, idx)
        except StepError as problem:
            self._set_aside(problem, idx, None)
            return False

    def _one(self, idx: int, scope: Mapping[str, Any]) -> Any:
        try:
            return perform(self._node, scope, self._executor, idx)
        except StepError as problem:
            self._set_aside(problem, idx, scope)
            return None

    def _set_aside(self, problem: StepError, idx: int, scope: Mapping[str, Any] | None) -> None:
        """Makes a letter of a record that failed, or raises its error, placed; no scope: nothing was to go out yet."""
        step_id, addressed = self._node.spec.id, Addressed(self._source, self._rows, self._task.folder.run_id)
        if not is_set_aside(self._node.spec, problem, waits=True):
            raise problem.at(addressed.place(idx, step_id))
        request = request_of(self._node, scope, self._executor, idx) if scope is not None else None
        self._letters[idx] = addressed.letter(problem, step=step_id, record=idx, **{"from": step_id, "request": request})
        self._executor.note(SetAside(problem.code, problem.message), step_id=step_id, record=idx)

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
            except BaseException as ended:
                pool.shutdown(wait=True, cancel_futures=True)
                self._drain(under_way, failures)
                if isinstance(ended, KeyboardInterrupt):
                    self._forget_letters(under_way.values())
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

    def _forget_letters(self, indexes: Iterable[int]) -> None:
        """What was under way when the run was interrupted was cut off and has not failed: it is done again."""
        for idx in indexes:
            if self._letters.pop(idx, None) is not None:
                del self._done[idx]

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
