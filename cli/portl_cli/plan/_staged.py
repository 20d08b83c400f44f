"""The stages of a plan: nothing is put aside, and what the commit would answer for each record is noted by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from portl.runs import Lot, Rows, RunFolder, Stageable
from portl_cli.plan._notes import Notes


class PlannedStage:
    """See portl.runs.Staged."""

    def __init__(self, notes: Notes, folder: RunFolder) -> None:
        self._notes, self._folder = notes, folder

    def put(self, lot: Lot) -> None:
        """Remembers which records were staged."""
        for share in lot.shares:
            self._notes.staged.setdefault(share.step_id, set()).update(idx for idx, _ in share.rows)

    def counts(self, step_ids: Sequence[str], records: int) -> dict[str, tuple[int, int]]:  # noqa: ARG002 - see Staged
        """Nobody counts a plan's records."""
        return dict.fromkeys(step_ids, (0, 0))

    def merge(
        self,
        at: int,  # noqa: ARG002 - see Staged
        step_id: str,
        prepared: Stageable,  # noqa: ARG002
        rows: Rows,
        done: Callable[[int], None],  # noqa: ARG002
    ) -> Counter[str]:
        """Keeps what stands for the results: the step's ``sample``, or what only the run will know."""
        staged = self._notes.staged.get(step_id, set())
        for part in range(rows.chunks):
            indexes = range(part * rows.size, min((part + 1) * rows.size, rows.count))
            results = [self._notes.result(step_id, idx) if idx in staged else None for idx in indexes]
            self._folder.write_lines(f"results/{step_id}/{part:05d}.jsonl", results)
        return Counter()

    def drop(self) -> None:
        """There is nothing to drop."""
