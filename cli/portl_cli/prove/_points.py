"""Where a worker can be made to die: just before and just after each effect of a job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal, Self

Side = Literal["before", "after"]
REPLY = "reply"
"""The kind of the point after a handler's work and before its reply leaves the worker."""


@dataclass(frozen=True, slots=True)
class Point:
    """A crash point: one side of one effect, by what it is and not by when it comes: calls under way together have no order.

    ``step`` is a step's id or a transaction's unit; ``record`` is from 0, None outside a batch; ``chunk`` is a transaction's.
    ``kind`` is begin, statement, commit, request, invocation, read, keep, write, reply, ``own statement``: of locks and ledger,
    or what a step does with files: list, copy, move, delete and so on.
    ``number`` counts from 1 what would be the same otherwise.
    """

    step: str
    record: int | None
    chunk: int | None
    kind: str
    number: int
    side: Side

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """The point that ``document`` made."""
        return cls(**document)

    def document(self) -> dict[str, Any]:
        """The point as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        record = "" if self.record is None else f", record {self.record + 1:,}"
        chunk = "" if self.chunk is None else f", chunk {self.chunk:,}"
        number = "" if self.number == 1 else f" {self.number}"
        return f"{self.side} {self.kind}{number} of {self.step}{chunk}{record}"


@dataclass(frozen=True, slots=True)
class Reached:
    """A point as a worker came to it. ``task`` numbers the Tasks of a run."""

    task: int
    point: Point


def in_order(reached: Iterable[Reached]) -> list[Point]:
    """The points of a run, each once, Task by Task; where records are handled together, record by record."""
    points: dict[Point, None] = {}
    for _, group in groupby(reached, key=lambda each: each.task):
        of_task = [each.point for each in group]
        together = all(point.chunk is None and point.kind != "statement" for point in of_task)
        points |= dict.fromkeys(sorted(of_task, key=_by_record) if together else of_task)
    return list(points)


def _by_record(point: Point) -> tuple[bool, int, int, bool]:
    return point.kind == REPLY, -1 if point.record is None else point.record, point.number, point.side == "after"


def spread(points: Sequence[Point], most: int | None) -> list[Point]:
    """At most so many of the points, evenly spread, the first and the last among them; None takes all."""
    if most is None or most >= len(points):
        return list(points)
    if most == 1:
        return [points[len(points) // 2]]
    last = len(points) - 1
    return [points[round(at * last / (most - 1))] for at in range(most)]
