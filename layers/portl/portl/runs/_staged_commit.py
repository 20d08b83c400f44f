"""How a Task commits what was staged: one transaction over all steps and records, set by set."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import Any, cast

from portl.errors import RunError, StepError
from portl.runs._counts import FAILED_BEFORE
from portl.runs._intents import Again, Begin, Merge
from portl.runs._progress import Progress
from portl.runs._records import Node
from portl.runs._rows import Rows
from portl.runs._staged import Stageable
from portl.runs._transaction import MARGIN_S, Transaction

JUDGED_AFTER_S = 5.0
"""How long the commit works before its speed tells whether it will fit."""


class StagedCommit(Transaction):
    """A transaction whose records wait in stages. It writes step by step, where the other goes record by record."""

    def again(self) -> Again | None:
        """See Transaction. What is committed is staged no more, so it cannot be done once more."""
        found = super().again()
        return found and replace(found, repeatable=False)

    def _settle(self, begin: Begin) -> None:
        self._executor.staged(begin).drop()

    def _work(self, begin: Begin) -> dict[str, Any]:
        group, nodes = self._groups[0]
        rows = cast("Rows", group.rows)
        staged = self._executor.staged(begin)
        counts = staged.counts([node.spec.id for node in nodes], rows.count)
        progress = Progress([f"{self._task.name}, commit"], None, rows.count * len(nodes))
        stats: dict[str, dict[str, int]] = {}
        before = sum(len(self._aside.before(group.after, part)) for part in range(rows.chunks if group.after else 0))
        for at, node in enumerate(nodes):
            self._note(node)

            def done(finished: int, before: int = at * rows.count) -> None:
                self._finished = before + finished
                progress.at(self._finished)
                self._fits(rows.count * len(nodes))

            try:
                came_to = staged.merge(at, node.spec.id, cast("Stageable", node.prepared), rows, done)
            except StepError as problem:
                raise self._task.in_file(rows, problem) from problem.__cause__
            left_out, skipped = counts[node.spec.id]
            others = Counter({"left out": left_out - before, FAILED_BEFORE: before, "skipped": skipped})
            stats[node.spec.id] = dict(came_to + others)
        progress.end(rows.count * len(nodes))
        return {
            "answer": {"records": rows.count, "failed": 0},
            "stats": {step_id: each for step_id, each in stats.items() if each},
            "left": self._aside.left,
        }

    def _note(self, node: Node) -> None:
        write = cast("Stageable", node.prepared).staged()
        self._executor.note(Merge(write.connection, write.table, write.shown), step_id=node.spec.id, record=None)

    def _fits(self, records: int) -> None:
        """Gives up early, with the way out, when the records left would take longer than the function has."""
        spent = time.monotonic() - self._started
        needed = spent / self._finished * (records - self._finished)
        left = self._task.remaining() - MARGIN_S
        if spent >= JUDGED_AFTER_S and needed > left:
            text = f"the commit needs about {needed:,.0f} s more for what is staged and its function has {left:,.0f} s"
            raise RunError(
                text,
                code="R110",
                hint="a function has 900 s at most: write transaction.scope: chunk, or run the records in parts",
            )
