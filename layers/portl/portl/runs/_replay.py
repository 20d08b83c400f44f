"""A Task of database steps in a replay: every record is a transaction, and no record is done that has been done.

The ledger knows each by the unit's name with ``#`` behind it and, in the chunk's place, by its index: the same record replayed
twice, or in another company, is done once.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any, cast

from portl.errors import Place, RunError, StepError
from portl.runs._counts import FAILED, FAILED_BEFORE, LEFT_OUT, REPLAYED, REUSED
from portl.runs._drivers import Load
from portl.runs._fingerprint import step_ids
from portl.runs._intents import Again, Begin, SetAside
from portl.runs._ledger import OF_A_RECORD
from portl.runs._letters import Addressed, Letter, keep_letters, set_aside
from portl.runs._records import Tally
from portl.runs._replayed import lines_before
from portl.runs._results import part_name
from portl.runs._reuse import earlier_done, picked_answer
from portl.runs._rows import Rows
from portl.runs._task import Group, Task
from portl.runs._transaction import Transaction
from portl.runs._units import Unit, found_in, lead_to
from portl.runs._work import may_write, steps_hash
from portl.values import kept


class UnitReplay:
    """The picked records of a Task, one transaction after the other."""

    def __init__(self, task: Task, load: Load, work: str) -> None:
        self._task, self._load, self._work = task, load, work
        self._run = task.folder
        self._earlier = earlier_done(task)
        self._ids = step_ids(task)
        self._counts: dict[str, Counter[str]] = {step_id: Counter() for step_id in self._ids}
        self._writes = may_write(task)
        self._failed = 0
        self._letters: dict[tuple[str, int], list[Letter]] = {}

    def run(self) -> dict[str, Any]:
        """Does the records that have not been done, and answers as the Task does.

        Raises:
            StepError: of the first record that failed and is not kept aside; those before it are committed.
            RunError: R158, a record is committed and doing it again could write twice; R159, nothing of the unit is.
        """
        records = sorted(self._task.picks or ())
        answer: dict[str, Any] = {"records": len(records), "failed": 0}
        if self._task.chunk is None:
            answer = self._whole()
        for group in self._task.groups:
            for idx in records:
                if group.rows is None or not group.rows.pick or self._task.chunk not in (None, idx // group.rows.size):
                    continue
                if idx in set_aside(self._run, group.after, idx // group.rows.size, writer=self._task.letters_by):
                    # it failed once more before this unit: a row of the ledger would say that it is done
                    self._failed_before(group, idx)
                else:
                    self._record(replace(self._task, groups=(group,), picks=frozenset({idx})), group.rows, idx)
        for step_id, counts in self._counts.items():
            Tally(+counts).keep(self._run, self._task.chunk, step_id)
        return {**answer, "failed": self._failed}

    def _whole(self) -> dict[str, Any]:
        """Leads to the results of the other records, of a unit that goes over all of them."""
        if self._earlier is None:
            base = self._task.run.origin.base if self._task.run.origin else ""
            text = f"{base} has committed nothing of {self._task.name}, whose records commit together or not at all"
            hint = f"do all of them: portl run JOB --resume {base}"
            raise RunError(text, code="R159", hint=hint, place=Place(step=self._task.name))
        for step_id in self._ids:
            lead_to(self._run, found_in(self._run, self._earlier[0], step_id, None), step_id, None)
        return picked_answer(self._task, self._earlier[1]["answer"])

    def _failed_before(self, group: Group, idx: int) -> None:
        rows = cast("Rows", group.rows)
        for step in group.steps:
            self._counts[str(step["id"])][FAILED_BEFORE] += 1
        for step_id in self._ids:
            name = part_name(step_id, idx // rows.size)
            self._run.write_lines(name, lines_before(self._task, rows, step_id, idx // rows.size))

    def _record(self, task: Task, rows: Rows, idx: int) -> None:
        part, at = idx // rows.size, idx % rows.size
        lines = {step_id: lines_before(self._task, rows, step_id, part) for step_id in self._ids}
        doing = Transaction(task, self._load, self._work)
        was_done = self._writes and any(each[at] is not None for each in lines.values())
        if was_done and not self._may_go(doing.again(), idx):
            for step_id, each in lines.items():
                self._counts[step_id][LEFT_OUT if each[at] is None else REUSED] += 1
        else:
            unit = self._commit(doing, rows, idx)
            if unit is None:
                return
            for step_id, counts in unit.answer["stats"].items():
                self._counts[step_id].update({REPLAYED: sum(counts.values())} if unit.done else counts)
            for step_id, each in lines.items():
                name = part_name(step_id, part)
                each[at] = unit.folder.read_lines(f"{unit.at}/{name}" if unit.done else name)[at]
        for step_id, each in lines.items():
            self._run.write_lines(part_name(step_id, part), each)

    def _commit(self, doing: Transaction, rows: Rows, idx: int) -> Unit | None:
        """Does a record, or keeps it aside once more: then nothing of it is committed, and None is answered."""

        def failing(problem: StepError) -> None:
            step_id = doing.keeps_aside(problem)
            if step_id is not None:
                self._task.executor.note(SetAside(problem.code, problem.message), step_id=step_id, record=idx)

        try:
            return doing.commit(self._begin(doing, rows, idx), failing)
        except StepError as problem:
            letter = doing.letter(problem, Addressed(self._task.source(rows), self._run.run_id), idx)
            if letter is None:
                raise
            at = str(letter["step"]), idx // rows.size
            self._letters.setdefault(at, []).append(letter)
            keep_letters(self._run, *at, self._letters[at])
            self._counts[at[0]][FAILED] += 1
            self._failed += 1
            return None

    def _begin(self, doing: Transaction, rows: Rows, idx: int) -> Begin:
        record = json.dumps(self._task.source(rows).read(idx), sort_keys=True, ensure_ascii=False, default=kept)
        work = f"{steps_hash(self._task)}:{hashlib.sha256(record.encode()).hexdigest()}" if self._writes else None
        again = doing.again()
        again = again and replace(again, changed=False)
        return doing.begin(f"{self._task.name}{OF_A_RECORD}", idx, work, again)

    def _may_go(self, again: Again | None, idx: int) -> bool:
        """Whether a record that was done is done again: what it is done on has changed, and it writes nothing twice."""
        if self._earlier is None or self._earlier[1]["hash"] == self._work:
            return False
        if again is not None and again.repeatable:
            return True
        text = f"the record is committed in {self._earlier[0]}, and its steps or results have changed: it could write twice"
        raise RunError(
            text,
            code="R158",
            hint="replay it from a step behind this one",
            place=Place(step=self._task.name, record=idx),
        )
