"""The order in which a job's steps are done: not the file's, for calls are moved behind the commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portl.jobs import Job, walk_steps
from portl_cli.compile.segments import Branch, Chunks, Decision, Items, Segment, Single, Transaction, Unit, segments


def tasks_in_order(job: Job) -> list[tuple[str, ...]]:
    """The ids of the steps of every Task, in the order of the machine; the branches of a conditional stand behind it."""
    return [*_tasks(segments(job))]


def _tasks(parts: Sequence[Segment | Unit]) -> Iterator[tuple[str, ...]]:
    for part in parts:
        match part:
            case Single():
                yield (part.step.id,)
            case Transaction():
                yield tuple(step.id for step in walk_steps(list(part.steps)))
            case Chunks():
                yield from _tasks(part.units)
            case Decision() | Branch():
                yield (part.step.id,)
                for _, inner in part.branches:
                    yield from _tasks(inner)
            case Items():
                pass
