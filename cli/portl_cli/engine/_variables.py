"""The variables of an execution, and how much room they take.

https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from portl_cli.engine._data import Json, larger, to_text
from portl_cli.engine._failure import DATA_LIMIT, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portl_cli.engine._limits import Limits


class _Room:
    """The bytes of all variables of one execution, those of its items and branches included."""

    def __init__(self) -> None:
        self._used = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> int:
        """Takes room, or gives it back, and answers what is taken now."""
        with self._lock:
            self._used += size
            return self._used


class Variables:
    """What one place can read: what was assigned outside, and on top of it what it assigned itself.

    ``values`` leads from a name to JSON.
    """

    def __init__(self, outer: Variables | None = None) -> None:
        self.values: dict[str, Json] = dict(outer.values) if outer else {}
        self.room: _Room = outer.room if outer else _Room()
        self._sizes: dict[str, int] = {}

    def assign(self, assigned: Mapping[str, Json], state: str, limits: Limits) -> dict[str, str]:
        """Sets variables and answers each one's JSON text.

        Raises:
            Failure: States.DataLimitExceeded: a variable, one Assign, or all variables of the execution are too large.
        """
        texts = {name: to_text(value) for name, value in assigned.items()}
        if larger("".join(texts.values()), limits.variable):
            raise _too_large(f"The variables that the state '{state}' assigns exceed", limits.variable)
        sizes = {name: len(text.encode()) for name, text in texts.items()}
        growth = sum(size - self._sizes.get(name, 0) for name, size in sizes.items())
        if self.room.add(growth) > limits.variables:
            self.room.add(-growth)
            raise _too_large(f"With those of the state '{state}', all variables of the execution exceed", limits.variables)
        self._sizes.update(sizes)
        self.values.update(assigned)
        return texts

    def forget(self) -> None:
        """The place is left: what it assigned takes no room any more."""
        self.room.add(-sum(self._sizes.values()))
        self._sizes.clear()


def _too_large(what: str, most: float) -> Failure:
    return Failure(DATA_LIMIT, f"{what} the maximum size of {most:,.0f} bytes.")
