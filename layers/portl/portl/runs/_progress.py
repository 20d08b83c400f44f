"""How far a Task is, told to whoever listens: the tool of a local run. In Lambda nobody does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

Listener = Callable[[Mapping[str, Any]], None]
"""Takes ``{step, chunk, done, of, ended}``.

``done`` are the records finished in this chunk (null: outside a Map), ``of`` how many the whole list has (null: not known yet);
``ended`` says that the chunk is through.
"""

EVERY_S = 0.1
_LISTENERS: list[Listener] = []


def use_progress(listener: Listener | None) -> None:
    """Sets who is told in this process; None: nobody."""
    _LISTENERS[:] = [listener] if listener else []


class Progress:
    """The progress of steps that go over the same records together."""

    def __init__(self, step_ids: list[str], chunk: int | None, of: int | None) -> None:
        self._step_ids, self._chunk, self._of = step_ids, chunk, of
        self._next = 0.0

    def at(self, done: int) -> None:
        """So many records are finished; told at most ten times a second."""
        if _LISTENERS and time.monotonic() >= self._next:
            self._tell(done, ended=False)

    def end(self, done: int) -> None:
        """The Task is through."""
        if _LISTENERS:
            self._tell(done, ended=True)

    def _tell(self, done: int, *, ended: bool) -> None:
        self._next = time.monotonic() + EVERY_S
        for step_id in self._step_ids:
            _LISTENERS[0]({"step": step_id, "chunk": self._chunk, "done": done, "of": self._of, "ended": ended})
