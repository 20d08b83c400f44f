"""Going over records: which of them a step is for, what each one sees, and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from portl.errors import Place, StepError
from portl.jobs import DATABASES, StepSpec
from portl.runs._attempts import attempt
from portl.runs._counts import FAILED, records_in
from portl.runs._effects import Executor
from portl.runs._folder import RunFolder
from portl.runs._intents import Intent, Pages
from portl.runs._metrics import count
from portl.runs._pace import Pace
from portl.runs._results import PerRecord, StepsView
from portl.runs._rows import Rows
from portl.runs._steptype import Prepared, Scope, StepType
from portl.runs._task import Task
from portl.values import Compiled, compile_value, decide, may_be


@dataclass(slots=True)
class Node:
    """A step made ready: its spec, its plan, its ``when`` and, for a conditional, what stands in its branches."""

    spec: StepSpec
    prepared: Prepared
    when: Compiled | None
    branches: Mapping[str, tuple[Node, ...]]
    pace: Pace | None = None
    """When its next request may go out, where the step says ``rate``."""

    @property
    def inner(self) -> Iterator[Node]:
        """Every node in the branches, at any depth."""
        for nodes in self.branches.values():
            for node in nodes:
                yield node
                yield from node.inner


def make_node(raw: Mapping[str, Any], task: Task, load: Callable[[str], StepType]) -> Node:
    """Compiles a step of a Task, and those inside it."""
    step_type = load(str(raw["type"]))
    names = {"step_types": _Specs(load)}
    spec = step_type.spec.model_validate(raw, context=names)
    branches = {name: tuple(make_node(each, task, load) for each in raw.get(name, ())) for name, _ in spec.branches()}
    when = compile_value(spec.when) if spec.when is not None else None
    pace = task.executor.pace(spec.id, task.chunk, raw["rate"]) if raw.get("rate") else None
    return Node(spec, step_type.prepare(spec, task.connections), when, branches, pace)


class _Specs(dict[str, type[StepSpec]]):
    """Step types by name, each loaded when a spec names it."""

    def __init__(self, load: Callable[[str], StepType]) -> None:
        super().__init__()
        self._load = load

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __getitem__(self, name: str) -> type[StepSpec]:
        return self._load(name).spec


@dataclass(slots=True)
class Tally:
    """What the records of a step came to, for the summary."""

    counts: Counter[str] = field(default_factory=Counter)

    def keep(self, folder: RunFolder, chunk: int | None, step_id: str) -> None:
        """Puts the counts into the run, under the step and the chunk; a retry replaces them."""
        name = "all" if chunk is None else f"{chunk:05d}"
        folder.write(f"stats/{step_id}/{name}.json", dict(self.counts))
        count("Records", sum(records_in(*each) for each in self.counts.items()), step_id=step_id)
        count("DeadLetters", self.counts[FAILED], step_id=step_id)


def record_scope(base: Scope, alias: str, record: Any, idx: int) -> dict[str, Any]:
    """What one record's expressions see."""
    return {**base, alias: record, "idx": idx}


def perform(node: Node, scope: Scope, executor: Executor, idx: int | None, *, most_slept: float) -> Any:
    """Does one step for one record and answers its result. ``most_slept`` as of ``attempt``.

    Raises:
        StepError: placed at the step and the record.
    """
    return carry_out(node, planned(node, scope, idx), executor, idx, most_slept=most_slept)


def planned(node: Node, scope: Scope, idx: int | None) -> Intent:
    """What a step is about to do for one record; raises as ``perform``."""
    try:
        return node.prepared.plan(scope)
    except StepError as problem:
        raise problem.at(Place(step=node.spec.id, record=idx)) from problem.__cause__


def carry_out(
    node: Node, intent: Intent, executor: Executor, idx: int | None, *, most_slept: float, has_turn: bool = False
) -> Any:
    """Does what a step has planned; arguments and errors as of ``perform``, ``has_turn`` as of ``attempt``."""
    try:
        executor.note(intent, step_id=node.spec.id, record=idx)
        # a statement that failed has ended its transaction: a database step is tried again as a whole, by its Task;
        # and of pages each is tried by itself, at its own turn
        by_itself = node.spec.connects_to in DATABASES or isinstance(intent, Pages)
        retry, pace = (None, None) if by_itself else (node.spec.retry, node.pace)
        call = partial(executor.do, node.prepared, intent, step_id=node.spec.id, record=idx)
        return attempt(call, retry, most_slept, node.spec.id, pace, has_turn=has_turn)
    except StepError as problem:
        raise problem.at(Place(step=node.spec.id, record=idx)) from problem.__cause__


def chosen(node: Node, scope: Scope, executor: Executor, idx: int | None) -> bool:
    """Whether the step's ``when`` lets the record in."""
    return node.when is None or executor.admits(decide(node.when, scope), step_id=node.spec.id, record=idx)


def takes(result: Any, branch: str) -> bool:
    """Whether a conditional's result leads, or might lead, into a branch."""
    return result is not None and may_be(result["branch"], branch)


def masked(task: Task, steps: StepsView, rows: Rows, mask: tuple[str, str] | None) -> Callable[[int], bool]:
    """Whether a record is in a branch, given as conditional and branch; without one every record is."""
    if mask is None:
        return lambda _: True
    conditional, branch = mask
    results = PerRecord(task.folder, [conditional], rows.size, steps.fresh)
    return lambda idx: takes(results.read(idx), branch)
