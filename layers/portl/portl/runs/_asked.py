"""What the calls of a chunk asked, record by record: a later run sends no call again that asks the same and was answered.

``asked/<step>/<chunk>.json`` is ``{calls, results, reused, of}``: a hash for each finished record, where the answers stand, the
records whose answer was an earlier run's, and of each record that was called for its hash and key (null: that of its place).
A line taken out of a file moves those behind it. Another record must not go out under the key of the one that had its place,
for a server that heeds the key would take it for that one and do nothing; and one that has moved keeps the key it had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from portl.runs._file_intents import CopyFile, DeleteFiles
from portl.runs._fingerprint import call_print, record_print
from portl.runs._intents import Intent, Invocation, Request
from portl.runs._reuse import earlier_runs
from portl.runs._rows import Rows
from portl.runs._task import Task


class Asked:
    """The calls of one step over one chunk. ``reused`` are the records, by index, that were answered in an earlier run."""

    def __init__(self, task: Task, step_id: str, first: int) -> None:
        self._task, self._step, self._first = task, step_id, first
        self._name = f"asked/{step_id}/{task.chunk or 0:05d}.json"
        own = task.folder.find(self._name) or {"calls": {}, "reused": []}
        self._calls: dict[str, str] = dict(own["calls"])
        self._of: dict[str, list[str | None]] = {**self._earlier_of(task.chunk or 0), **own.get("of", {})}
        self._moved = self._moved_here() if earlier_runs(task) else {}
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

    def _earlier_of(self, chunk: int) -> dict[str, list[str | None]]:
        name = f"asked/{self._step}/{chunk:05d}.json"
        found = (self._task.folder.find(f"/{run}/{name}") for run in earlier_runs(self._task))
        return next((dict(each.get("of", {})) for each in found if each is not None), {})

    def _moved_here(self) -> dict[str, list[str]]:
        """The keys of records of this chunk, and of those beside it, whose place another record has now, by their hash."""
        rows, chunk = cast("Rows", self._task.rows), self._task.chunk or 0
        source = self._task.source(rows)
        found: dict[str, list[str]] = {}
        for part in range(max(0, chunk - 1), chunk + 2):
            for place, (of, key) in self._earlier_of(part).items():
                idx = int(place)
                if idx >= rows.count or record_print(source.read(idx)) != of:
                    found.setdefault(str(of), []).append(key or str(self._task.run.idempotency_key(self._step, idx)))
        return found

    def _keyed(self, idx: int, record: Any, request: Request) -> Request:
        """The request, with the key its record had in another place, or one of its own where another record had this place."""
        mine, (of, key) = record_print(record), self._of.get(str(idx), (None, None))
        if of != mine:
            moved = self._moved.get(mine)
            own = None if of is None else str(self._task.run.idempotency_key(f"{self._step} {mine}", idx))
            key = moved.pop(0) if moved else own
        self._of[str(idx)] = [mine, key]
        return request if key is None else replace(request, headers={"Idempotency-Key": key, **request.headers})

    def answer(self, idx: int, record: Any, intent: Intent, call: Callable[[Intent], Any]) -> Any:
        """The answer to a record's call: an earlier run's, when it asked the same; else what ``call`` gets."""
        if not isinstance(intent, Request | Invocation | CopyFile | DeleteFiles):
            return call(intent)
        asks = call_print(self._task, intent)
        if self._earlier.get(str(idx)) == asks and self._answers.get(idx) is not None:
            self.reused.add(idx)
            result = self._answers[idx]
        else:
            result = call(self._keyed(idx, record, intent) if isinstance(intent, Request) else intent)
        self._calls[str(idx)] = asks
        return result

    def keep(self, results: str) -> None:
        """Keeps what was asked, beside the name under which the answers stand."""
        if self._calls or self.reused or self._of:
            known = {"calls": self._calls, "reused": sorted(self.reused), "of": self._of}
            self._task.folder.write(self._name, {**known, "results": self._task.folder.ref(results)})
