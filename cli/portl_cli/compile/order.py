"""The order in which a job's steps are done: not the file's, for calls are moved behind the commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portl.jobs import Job, StepSpec, walk_steps
from portl_cli.compile.segments import Branch, Chunks, Decision, Items, Segment, Single, Staged, Transaction, Unit, segments


@dataclass(frozen=True, slots=True)
class DoneStep:
    """A step where it is done. ``source`` is the id of what made the list that it goes over, None outside a batch."""

    id: str
    source: str | None


def tasks_in_order(job: Job) -> list[tuple[DoneStep, ...]]:
    """The steps of every Task, in the order of the machine; those in a branch stand behind their conditional."""
    return [*_tasks(segments(job), None)]


def _tasks(parts: Sequence[Segment | Unit], source: str | None) -> Iterator[tuple[DoneStep, ...]]:
    for part in parts:
        match part:
            case Single():
                yield (DoneStep(part.step.id, source),)
            case Transaction():
                groups = [(part.steps, source)] if source else [(steps, of) for of, steps in part.groups]
                yield tuple(each for steps, of in groups for each in _walked(steps, of))
            case Staged():
                yield from _tasks((part.transaction,), None)
            case Chunks():
                yield from _tasks(part.units, part.source)
            case Decision() | Branch():
                yield (DoneStep(part.step.id, source),)
                for _, inner in part.branches:
                    yield from _tasks(inner, source)
            case Items():
                pass


def _walked(steps: Sequence[StepSpec], source: str | None) -> Iterator[DoneStep]:
    for step in walk_steps(list(steps)):
        yield DoneStep(step.id, source)
