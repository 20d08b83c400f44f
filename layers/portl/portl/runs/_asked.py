"""What the calls of a chunk asked, record by record: a later run sends no call again that asks the same and was answered.

``asked/<step>/<chunk>.json`` is ``{calls, results, reused}``: a hash for each finished record, where the answers stand, and the
records whose answer was an earlier run's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from portl.runs._fingerprint import call_print
from portl.runs._intents import Intent, Invocation, Request
from portl.runs._reuse import earlier_runs
from portl.runs._task import Task


class Asked:
    """The calls of one step over one chunk. ``reused`` are the records, by index, that were answered in an earlier run."""

    def __init__(self, task: Task, step_id: str, first: int) -> None:
        self._task, self._first = task, first
        self._name = f"asked/{step_id}/{task.chunk or 0:05d}.json"
        own = task.folder.find(self._name) or {"calls": {}, "reused": []}
        self._calls: dict[str, str] = dict(own["calls"])
        self.reused: set[int] = set(own["reused"])
        self._earlier, self._answers = self._read()

    def _read(self) -> tuple[Mapping[str, str], dict[int, Any]]:
        for run in earlier_runs(self._task):
            found = self._task.folder.find(f"/{run}/{self._name}")
            if found is not None and self._task.folder.exists(found["results"]):
                lines = self._task.folder.read_lines(found["results"])
                partial = found["results"].split("/")[2] == "partial"
                return found["calls"], dict(lines if partial else enumerate(lines, self._first))
        return {}, {}

    def answer(self, idx: int, intent: Intent, call: Callable[[], Any]) -> Any:
        """The answer to a record's call: an earlier run's, when it asked the same; else what ``call`` gets."""
        if not isinstance(intent, Request | Invocation):
            return call()
        asks = call_print(self._task, intent)
        if self._earlier.get(str(idx)) == asks and self._answers.get(idx) is not None:
            self.reused.add(idx)
            result = self._answers[idx]
        else:
            result = call()
        self._calls[str(idx)] = asks
        return result

    def keep(self, results: str) -> None:
        """Keeps what was asked, beside the name under which the answers stand."""
        if self._calls or self.reused:
            document = {"calls": self._calls, "results": self._task.folder.ref(results), "reused": sorted(self.reused)}
            self._task.folder.write(self._name, document)
