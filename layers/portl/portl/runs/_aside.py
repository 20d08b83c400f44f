"""Records that a unit of database work leaves out: what they did is taken back, and their letters commit with the unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from portl.errors import StepError
from portl.jobs import has_effect_outside
from portl.runs._counts import FAILED, FAILED_BEFORE, LEFT_OUT, REPLAYED, ROLLED_BACK
from portl.runs._folder import RunFolder
from portl.runs._intents import SetAside
from portl.runs._letters import (
    Addressed,
    Letter,
    chunk_letters,
    is_open,
    is_set_aside,
    keep_letters,
    keep_settled,
    letters_name,
    request_of,
    says_dead_letter,
    set_aside,
    settled,
)
from portl.runs._records import Node, Tally
from portl.runs._steptype import Scope
from portl.runs._task import Task
from portl.runs._units import Unit


@dataclass(slots=True)
class Walk:
    """One record on its way through a unit: what it came to at each step, and where it is. No scope: its ``when`` is asked."""

    counted: list[tuple[Node, str]] = field(default_factory=list)
    node: Node | None = None
    scope: Scope | None = None
    top: int = 0

    def enter(self, node: Node) -> None:
        """The record comes to a step."""
        self.node, self.scope = node, None

    def count(self, tallies: dict[str, Tally]) -> None:
        """The record is through: what it came to counts."""
        for node, outcome in self.counted:
            _tally(tallies, node)[outcome] += 1

    def called(self) -> list[str]:
        """The calls that were made."""
        steps = (node.spec for node, outcome in self.counted if outcome != LEFT_OUT)
        return [spec.id for spec in steps if has_effect_outside(spec)]


class UnitLetters:
    """The letters of one unit. They stand in its attempt's folder until it has committed, and then in the run."""

    def __init__(self, task: Task, nodes: tuple[Node, ...]) -> None:
        self._task = task
        self._first = nodes[0].spec.id
        # a replay commits record by record: one that fails again must not count as done
        self._own = [node.spec.id for node in nodes if says_dead_letter(node.spec) and task.picks is None]
        self._letters: dict[str, list[Letter]] = {step_id: [] for step_id in self._own}
        self.left: list[list[Any]] = []
        """What had a letter before and was left out, as ``[step, chunk, [record, …]]``."""

    @property
    def count(self) -> int:
        """How many records were kept aside."""
        return sum(map(len, self._letters.values()))

    def apart(self, connection: str) -> AbstractContextManager[None]:
        """Around one record: when it fails, what it did goes and what the others did stays."""
        return self._task.executor.apart(connection) if self._own else nullcontext()

    def before(self, after: tuple[str, ...], part: int) -> frozenset[int]:
        """The records of a chunk that are left out because an earlier step has a letter of theirs."""
        found = {step_id: set_aside(self._task.folder, [step_id], part, writer=self._task.letters_by) for step_id in after}
        self.left += [[step_id, part, sorted(records)] for step_id, records in found.items() if records]
        return frozenset[int]().union(*found.values())

    def take(self, problem: StepError, walk: Walk, idx: int, addressed: Addressed) -> None:
        """Makes a letter of a record that failed, or raises its error, placed."""
        node = walk.node
        if node is None or node.spec.id not in self._own or not is_set_aside(node.spec, problem, waits=False):
            raise problem.at(addressed.place(idx, node.spec.id if node else None))
        step_id, executor = node.spec.id, self._task.executor
        more: dict[str, Any] = {"from": self._first, "request": None}
        if walk.scope is not None:
            more["request"] = request_of(node, walk.scope, executor, idx)
        if walk.called():
            more["called"] = walk.called()
        self._letters[step_id].append(addressed.letter(problem, step=step_id, record=idx, **more))
        executor.note(SetAside(problem.code, problem.message), step_id=step_id, record=idx)

    def keep(self) -> None:
        """Keeps the letters with what the unit made."""
        for step_id, letters in self._letters.items():
            keep_letters(self._task.folder, step_id, self._task.chunk or 0, letters)

    def publish(self, unit: Unit, run: RunFolder) -> None:
        """Lets the run find the letters of the attempt that counts; of an attempt of another run, those still open there."""
        if not unit.at:
            return  # a plan: what it makes is in its place already
        chunk, origin = self._task.chunk or 0, unit.at.split("/")[1]
        for step_id in self._own:
            name = f"{unit.at}/{letters_name(step_id, chunk)}"
            found = run.read_lines(name) if run.exists(name) else []
            still = [letter for letter in found if is_open(run, origin, letter)]
            keep_letters(run, step_id, chunk, still)
            keep_settled(run, step_id, chunk, {each["record"] for each in found} - {each["record"] for each in still})
        for step_id, part, records in unit.answer.get("left", ()) if origin != run.run_id else ():
            self._inherit(run, origin, step_id, part, records)

    def _inherit(self, run: RunFolder, origin: str, step_id: str, part: int, records: list[int]) -> None:
        """The unit committed without these records; where their letters are open in that run, they are in this one."""
        keep_settled(run, step_id, part, settled(run, step_id, part, f"/{origin}/").intersection(records))
        name = f"/{origin}/{letters_name(step_id, part)}"
        here = set_aside(run, [each for group in self._task.groups for each in group.after], part)
        found = [letter for letter in (run.read_lines(name) if run.exists(name) else []) if letter["record"] not in here]
        missing = [letter for letter in found if letter["record"] in records and is_open(run, origin, letter)]
        if missing:
            keep_letters(run, step_id, part, [*chunk_letters(run, step_id, part), *missing])


def count_failed(tallies: dict[str, Tally], walk: Walk, nodes: tuple[Node, ...]) -> None:
    """What a record counts as that was kept aside: steps before were taken back, steps behind were not reached."""
    for node, outcome in walk.counted:
        _tally(tallies, node)[outcome if outcome == LEFT_OUT else ROLLED_BACK] += 1
    if walk.node is not None:
        _tally(tallies, walk.node)[FAILED] += 1
    count_failed_before(tallies, nodes[walk.top + 1 :])


def count_failed_before(tallies: dict[str, Tally], nodes: tuple[Node, ...]) -> None:
    """What a record counts as at steps that it does not reach any more."""
    for node in nodes:
        _tally(tallies, node)[FAILED_BEFORE] += 1


def as_before(counts: Mapping[str, int]) -> Counter[str]:
    """The counts of a unit that had been done: what failed has still failed."""
    failed = {name: counts[name] for name in (FAILED, FAILED_BEFORE, ROLLED_BACK) if name in counts}
    return +Counter({REPLAYED: sum(counts.values()) - sum(failed.values()), **failed})


def _tally(tallies: dict[str, Tally], node: Node) -> Counter[str]:
    return tallies.setdefault(node.spec.id, Tally()).counts
