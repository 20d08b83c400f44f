"""How a Task of one step goes over its records: once, or chunk by chunk with several calls under way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from portl.errors import RetryAfter, StepError
from portl.jobs import StepSpec, goes_outside
from portl.runs._asked import Asked
from portl.runs._attempts import SLEPT_S, WAITED_S
from portl.runs._counts import FAILED, FAILED_BEFORE, LEFT_OUT, REUSED
from portl.runs._fingerprint import fingerprint, fingerprint_done, fingerprint_once
from portl.runs._intents import Intent, SetAside
from portl.runs._letters import (
    Addressed,
    Letter,
    chunk_letters,
    is_set_aside,
    keep_letters,
    keep_settled,
    request_of,
    says_dead_letter,
    set_aside,
    settled,
)
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
from portl.runs._reuse import answered, find_partial, partial_name, partial_pointer, taken
from portl.runs._rows import Rows, RowsReader
from portl.runs._steptype import StepType
from portl.runs._task import Task

CALLS_AT_ONCE = 8
"""Calls of one chunk under way together, unless the step says ``concurrency``."""
TIME_MARGIN_S = 10.0
"""A chunk stops taking new records this long before its function would be stopped, or at two thirds of a shorter time."""


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
    return answered(task, lambda: work, lambda: Chunk(task, node, rows, work).run())


def _once(task: Task, node: Node) -> dict[str, Any]:
    scope = task.scope(task.view(None))
    intent = planned(node, scope, None) if chosen(node, scope, task.executor, None) else None
    return answered(
        task,
        lambda: fingerprint_once(task, intent),
        lambda: _do_once(task, node, intent),
        lambda: fingerprint_done(task, intent),
    )


def _do_once(task: Task, node: Node, intent: Intent | None) -> dict[str, Any]:
    result = None if intent is None else carry_out(node, intent, task.executor, None, most_slept=SLEPT_S)
    task.folder.write(f"results/{node.spec.id}.json", kept_result(node.spec, result))
    tally = Tally()
    tally.counts.update(node.prepared.outcome(result).split("+") if result is not None else [LEFT_OUT])
    tally.keep(task.folder, None, node.spec.id)
    if node.branches and result is not None:
        return {"branch": task.executor.way(result["branch"], step_id=node.spec.id)}
    return answer_of(node.spec, result)


def answer_of(spec: StepSpec, result: Any) -> dict[str, Any]:
    """What a step that ran once tells the state machine: where its rows are, or that it is done."""
    if spec.result_shape.lists and result is not None:
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
        self._margin = min(TIME_MARGIN_S, task.remaining() / 3)
        self._progress = Progress([node.spec.id], task.chunk, rows.count)
        self._done: dict[int, Any] = {}
        self._origin = ""
        self._before = set_aside(task.folder, task.groups[0].after, self._number, writer=task.letters_by)
        self._letters: dict[int, Letter] = {}
        self._asked = Asked(task, node.spec.id, self._first)

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
            self._task.folder.write(partial_pointer(self._node.spec.id, self._number), self._kept)
            self._asked.keep(self._kept)
            raise
        records = self._source.part(self._number)
        results = [self._done.get(self._first + at) for at in range(len(records))]
        self._keep_letters()
        self._task.folder.write_lines(part_name(self._node.spec.id, self._number), results)
        self._asked.keep(part_name(self._node.spec.id, self._number))
        self._task.folder.delete(self._kept)
        self._progress.end(len(results))
        return self._answer(results)

    def _earlier(self) -> list[list[Any]]:
        found = find_partial(self._task, self._kept)
        if found:
            self._origin = found.split("/")[1] if found != self._kept else ""
            lines = self._task.folder.read_lines(found)
            self._asked.reused |= {idx for idx, result in lines if result is not None and found != self._kept}
            return lines
        return [[*each] for each in others(self._task, self._rows, self._node.spec.id, self._number).items()]

    def _earlier_letters(self) -> dict[int, Letter]:
        """The letters of what is finished. One of a record that is not will be made anew, or not."""
        if not (self._done and says_dead_letter(self._node.spec)):
            return {}
        run = self._origin and f"/{self._origin}/"
        closed = settled(self._task.folder, self._node.spec.id, self._number, run).intersection(self._done)
        keep_settled(self._task.folder, self._node.spec.id, self._number, closed)
        found = chunk_letters(self._task.folder, self._node.spec.id, self._number, run)
        return {letter["record"]: letter for letter in found if letter["record"] in self._done}

    def _keep_letters(self) -> None:
        if says_dead_letter(self._node.spec):
            keep_letters(self._task.folder, self._node.spec.id, self._number, self._letters.values())

    def _answer(self, results: list[Any]) -> dict[str, Any]:
        tally = Tally()
        outcome, reused = self._node.prepared.outcome, self._asked.reused
        found = [(idx, each) for idx, each in enumerate(results, self._first) if self._task.picks_record(idx)]
        tally.counts.update(REUSED if idx in reused else outcome(each) for idx, each in found if each is not None)
        failed, before = len(self._letters), sum(map(self._task.picks_record, self._before))
        results = [each for _, each in found]
        left_out = sum(each is None for each in results) - failed - before
        tally.counts.update(+Counter({FAILED: failed, FAILED_BEFORE: before, LEFT_OUT: left_out}))
        tally.keep(self._task.folder, self._task.chunk, self._node.spec.id)
        branches = {name: sum(takes(each, name) for each in results) for name in self._node.branches}
        return {"records": len(results), "failed": failed, **branches}

    def _go(self) -> None:
        spec = self._node.spec
        workers = getattr(spec, "concurrency", None) or getattr(spec, "parallel", None) or CALLS_AT_ONCE
        if not goes_outside(spec) or workers == 1:
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
            if self._task.remaining() < self._margin:
                raise RetryAfter("1")
            scope = record_scope(base, alias, record, idx)
            if idx not in self._before and inside(idx) and self._chosen(scope, idx):
                self._take_turn()
                yield idx, scope
            else:
                self._done[idx] = None

    def _take_turn(self) -> None:
        """Waits until the next request may go out. The machine waits for a turn that is far off."""
        pace = self._node.pace
        if pace is None:
            return
        if pace.is_slow and (seconds := pace.wait_s()) > 0:
            raise RetryAfter(str(math.ceil(seconds)))
        pace.take()

    def _chosen(self, scope: Mapping[str, Any], idx: int) -> bool:
        try:
            return chosen(self._node, scope, self._executor, idx)
        except StepError as problem:
            self._set_aside(problem, idx, None)
            return False

    def _one(self, idx: int, scope: Mapping[str, Any]) -> Any:
        try:
            intent = planned(self._node, scope, idx)
            batch = self._node.spec.batch

            def call(asked: Intent) -> Any:
                return carry_out(self._node, asked, self._executor, idx, most_slept=WAITED_S, has_turn=True)

            return self._asked.answer(idx, scope[batch.alias if batch else "row"], intent, call)
        except StepError as problem:
            self._set_aside(problem, idx, scope)
            return None

    def _set_aside(self, problem: StepError, idx: int, scope: Mapping[str, Any] | None) -> None:
        """Makes a letter of a record that failed, or raises its error, placed; no scope: nothing was to go out yet."""
        step_id, addressed = self._node.spec.id, Addressed(self._source, self._task.folder.run_id)
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
            raise _first(failures)

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


def _first(failures: Mapping[int, StepError]) -> StepError:
    """The failure that decides: one that waiting would not mend, else the longest wait that was asked for, else the first."""

    def rank(idx: int) -> tuple[bool, float, int]:
        return failures[idx].outcome != "Permanent", -(failures[idx].retry_after or 0), idx

    return failures[min(failures, key=rank)]


Load = Callable[[str], StepType]
"""Gives the step type of a name; a transaction loads those its steps name and no others."""
