"""What a step that is staged says of itself: the table its records wait in, and the statements that make rows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from portl.runs._steptype import Prepared

STAGE = '"portl_stage_<run>"'
"""What stands in a statement for the name of the step's stage, which has the run in it."""
INDEX = "portl_idx"
"""The column of a stage that holds the record's index."""
INSERTED, UPDATED, UNCHANGED = "i", "u", "n"
"""What a record came to, in the statements' answers."""
LOST = "x"
"""A record whose row the database does not give back."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """The statements of records that have a key. ``$1`` and ``$2`` bound the indexes, the second left out.

    ``repeats`` answers (indexes, how manieth of its key each is), of those that are not the first;
    ``first`` writes all but the indexes in ``$3`` and answers (indexes, ids as JSON, changes) of all of them;
    ``again`` writes the indexes in ``$1`` and answers those that changed their row.
    """

    repeats: str
    first: str
    again: str
    answers_all: bool
    """Whether ``first`` is told of every row by what it writes; else one that is left alone is looked for."""


@dataclass(frozen=True, slots=True)
class StagedWrite:
    """How a step's staged records become rows. ``plain`` inserts those without a key: (indexes, ids as JSON, rows found)."""

    connection: str
    table: str
    columns: tuple[str, ...]
    integer_ids: bool
    plain: str | None = None
    keyed: Keyed | None = None

    @property
    def shown(self) -> str:
        """The statement that stands for all of them in a plan."""
        return self.keyed.first if self.keyed else str(self.plain)


class Stageable(Prepared, Protocol):
    """A step made ready whose records can be staged: its ``plan`` is a Statement with their values, or a Decide."""

    def staged(self) -> StagedWrite:
        """How its records become rows."""
        ...

    def staged_answer(self, id_: Any, change: str) -> dict[str, Any]:
        """What the database would have answered for one record; ``change`` is INSERTED, UPDATED or UNCHANGED."""
        ...


@dataclass(slots=True)
class Share:
    """What a chunk brings to one step's stage: the records' indexes and values; how many stay out of it, and why."""

    step_id: str
    write: StagedWrite
    rows: list[tuple[int, Sequence[Any]]]
    left_out: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """One chunk's part of a stage: all of ``unit``'s steps, for the records from ``first`` on."""

    unit: str
    chunk: int
    first: int
    count: int
    shares: tuple[Share, ...]
