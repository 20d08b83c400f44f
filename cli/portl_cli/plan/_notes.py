"""What a plan has seen so far, shared by all its Tasks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portl.values import Unknown

Note = dict[str, Any]
"""An intent's document (see portl.runs.document), or one of a plan alone.

``kind: when`` with ``admits``, what a step's ``when`` came to; ``kind: known`` with the ``run`` that did a unit's work before.
"""


@dataclass(slots=True)
class Notes:
    """The notes of one way through the machine.

    ``forced`` are the branches of conditionals outside a batch that only a call could decide. ``other_ways`` are still to be
    walked: one for each such decision met, its other branch taken. ``made`` are the files that would be there by now, each with
    the one that it would be a copy of; ``gone`` those that would not be.
    """

    samples: Mapping[str, Any]
    names: Mapping[str, str]
    size: int
    forced: dict[str, str] = field(default_factory=dict)
    taken: list[Note] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    other_ways: list[dict[str, str]] = field(default_factory=list)
    staged: dict[str, set[int]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, note: Note) -> None:
        """Takes a note."""
        with self._lock:
            self.taken.append(note)

    def result(self, step_id: str, record: int | None) -> Any:
        """What stands for the result of a step: its ``sample``, else an Unknown that carries its name."""
        if step_id in self.samples:
            return self.samples[step_id]
        return Unknown.named(self.name(step_id, record))

    def name(self, step_id: str, record: int | None) -> str:
        """How expressions call the result: ``enrich[0]``."""
        return self.names.get(step_id, step_id) + ("" if record is None else f"[{record}]")

    def way(self, step_id: str) -> str:
        """The branch to walk at a decision that nobody can make yet."""
        with self._lock:
            if step_id not in self.forced:
                self.other_ways.append({**self.forced, step_id: "else"})
                self.forced[step_id] = "then"
            return self.forced[step_id]
