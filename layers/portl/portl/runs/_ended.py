"""What becomes of a chunk whose function ended before its records did: killed at its timeout, out of memory, retries spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portl.errors import OUTCOMES, RunError
from portl.runs._counts import FAILED
from portl.runs._handler import error_document
from portl.runs._letters import Addressed, Letter, chunk_letters, keep_letters, set_aside
from portl.runs._records import Tally, masked
from portl.runs._results import part_name
from portl.runs._reuse import partial_pointer
from portl.runs._task import Task

Mask = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Remaining:
    """Where a chunk ended: the step whose letters these are, its unit's name and first step, and the units behind.

    ``rest`` are their first steps, each with the conditional and branch it stands in, in the order in which they run.
    """

    step: str
    unit: str
    first: str
    rest: tuple[tuple[str, Mask], ...]


def set_chunk_aside(task: Task, remaining: Remaining) -> dict[str, Any]:
    """Writes a letter for every record of the chunk that is not through its last step, and answers how many there are now.

    What the step had finished keeps its answer: its letter begins behind the step, and there is none where nothing is left.
    """
    return _Ended(task, remaining).run()


class _Ended:
    def __init__(self, task: Task, remaining: Remaining) -> None:
        assert task.rows is not None  # noqa: S101 - the compiler puts it into a Map only
        assert task.chunk is not None  # noqa: S101 - as above
        self._task, self._remaining, self._rows, self._chunk = task, remaining, task.rows, task.chunk
        self._source = task.source(task.rows)
        self._kept = str(task.folder.find(partial_pointer(remaining.step, task.chunk)) or "")

    def run(self) -> dict[str, Any]:
        step_id, folder = self._remaining.step, self._task.folder
        done: dict[int, Any] = dict(folder.read_lines(self._kept)) if self._kept and folder.exists(self._kept) else {}
        letters = {each["record"]: each for each in chunk_letters(folder, step_id, self._chunk) if each["record"] in done}
        letters |= self._letters(
            done, letters.keys() | set_aside(folder, self._task.groups[0].after, self._chunk, writer=self._task.letters_by)
        )
        keep_letters(folder, step_id, self._chunk, letters.values())
        if done:
            indexes = range(self._first, self._first + len(self._source.part(self._chunk)))
            folder.write_lines(part_name(step_id, self._chunk), [done.get(idx) for idx in indexes])
            folder.delete(self._kept)
        tally = Tally()
        tally.counts[FAILED] = len(letters)
        tally.keep(folder, self._chunk, step_id)
        return {"failed": len(letters)}

    @property
    def _first(self) -> int:
        return self._chunk * self._rows.size

    def _letters(self, done: dict[int, Any], failed: set[int]) -> dict[int, Letter]:
        error, addressed = self._error(), Addressed(self._source, self._task.folder.run_id)
        first = (self._remaining.first, self._takes(self._task.mask))
        rest = [(step_id, self._takes(mask)) for step_id, mask in self._remaining.rest]
        attempt = self._task.caught.get("attempts")
        found: dict[int, Letter] = {}
        for idx in range(self._first, self._first + len(self._source.part(self._chunk))):
            ways = rest if idx in done else [first, *rest]
            where = next((step_id for step_id, takes in ways if takes(idx)), None)
            if idx not in failed and where is not None:
                more = {"attempt": attempt, "from": where, "request": None}
                found[idx] = addressed.written(error, step=self._remaining.step, record=idx, **more)
        return found

    def _takes(self, mask: Mask) -> Callable[[int], bool]:
        """Whether a record goes to a unit that stands in this branch."""
        return masked(self._task, self._task.view(self._rows), self._rows, mask)

    def _error(self) -> dict[str, Any]:
        """The error that the function kept, when it had the time; else what Step Functions says of its end."""
        told = self._task.caught.get("error", {})
        name, cause = str(told.get("Error", "")), str(told.get("Cause", ""))
        kept = self._task.folder.find(f"errors/{self._remaining.unit}-{self._chunk:05d}.json")
        if name in OUTCOMES and kept is not None and kept["outcome"] == name:
            return dict(kept)
        text = f"the chunk's function was ended: {name}" + (f": {cause}" if cause else "")
        hint = "give the function more Timeout or MemorySize, or write a smaller batch.size; then do these records again"
        return error_document(RunError(text, code="R113", hint=hint, detail={"error": name}), "Transient")
