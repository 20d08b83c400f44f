"""A list of records as a step finds it, read by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portl.errors import Place, RunError
from portl.runs._rows import RowsReader
from portl.values import Unknown, shortened

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as a step finds it: rows by reference, read part by part, or a list at hand. In a plan it may be unknown."""

    source: RowsReader | Sequence[Any] | Unknown

    @property
    def total(self) -> int | Unknown:
        """How many records it has."""
        match self.source:
            case RowsReader():
                return self.source.total()
            case Unknown():
                return self.source.through("length")
        return len(self.source)

    def read(self, index: int) -> Any:
        """The record at an index; an Unknown in a plan that has not read so far."""
        return self.source.read(index) if isinstance(self.source, (RowsReader, Unknown)) else self.source[index]

    def begin(self, most: int) -> list[Any]:
        """The first records; of a list of unknown length one."""
        total = self.total
        return [self.read(index) for index in range(1 if isinstance(total, Unknown) else min(most, total))]

    def place(self, index: int) -> Place:
        """Where a record came from: its number, and the line of the file it was read of."""
        place = Place(record=index)
        return place.merged(self.source.place(index)) if isinstance(self.source, RowsReader) else place


def listed(value: Any, said: str) -> Listed:
    """A value as a list of records; ``said`` is how the job names it.

    Raises:
        RunError: R106, it is none.
    """
    if isinstance(value, (RowsReader, list, tuple, Unknown)):
        return Listed(value)
    text = f"rows is {shortened(said, SHOWN)}, and that is {type(value).__name__}, no list"
    raise RunError(text, code="R106", hint="name a list, such as the rows of a csv.read or of a db.query_many")
