"""Stage 1: which steps become one state, which go over chunks, which commit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portl.jobs import (
    Job,
    StepSpec,
    arrange,
    is_call,
    is_database,
    neighbours,
    source_of,
    touches_itself,
    touches_same,
    walk_steps,
)

DEFAULT_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Single:
    """One step, one Task. ``mask`` is the conditional and branch it belongs to, inside a Map."""

    step: StepSpec
    mask: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Steps that commit together, in groups over the same records (or none)."""

    groups: tuple[tuple[str | None, tuple[StepSpec, ...]], ...]
    mask: tuple[str, str] | None = None

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        """Every step that stands directly in it."""
        return tuple(step for _, steps in self.groups for step in steps)

    @property
    def unit(self) -> str:
        """What it is called: its first and last step."""
        first, last = self.steps[0].id, self.steps[-1].id
        return first if first == last else f"{first}..{last}"


@dataclass(frozen=True, slots=True)
class Branch:
    """A conditional inside a Map: it marks the records, and the units of a branch look at the marks."""

    step: StepSpec
    branches: tuple[tuple[str, tuple[Unit, ...]], ...]
    mask: tuple[str, str] | None = None


Unit = Single | Transaction | Branch


@dataclass(frozen=True, slots=True)
class Items:
    """The list of a batch that is no step's rows, put into the run first."""

    id: str
    expression: str


@dataclass(frozen=True, slots=True)
class Chunks:
    """Units over the chunks of the same records. ``source`` is the id of the step (or Items) that made them."""

    source: str
    units: tuple[Unit, ...]
    concurrency: int
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Staged:
    """A transaction whose records wait in a stage: its chunks fill it side by side, one commit makes rows of all of them."""

    transaction: Transaction
    concurrency: int
    inline: bool = False

    @property
    def source(self) -> str:
        """The id of the step (or Items) that made the records."""
        return str(self.transaction.groups[0][0])


@dataclass(frozen=True, slots=True)
class Decision:
    """A conditional outside a batch: a Task that evaluates, and a Choice."""

    step: StepSpec
    branches: tuple[tuple[str, tuple[Segment, ...]], ...]


Segment = Single | Transaction | Staged | Items | Chunks | Decision

CALLS_CONCURRENCY = 10
"""Chunks under way at once when no database step is among them, unless the batch says ``concurrency``."""


STAGE_CONCURRENCY = 10
"""Chunks that fill a stage at once, unless the batch says ``concurrency``: each holds a connection of the database."""


class Segmenter:
    """Parts one job. Remembers which lists are in the run already."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._items: dict[str, str] = {}

    def all(self) -> tuple[Segment, ...]:
        """The segments of the whole job."""
        steps = self._job.steps
        wanted = self._job.transaction
        if wanted is None or wanted.scope == "chunk":
            return tuple(self._parts(steps))
        arranged = arrange(steps, inline=wanted.external == "inline")
        found: list[Segment] = list(self._parts(arranged.before))
        found += self._transaction(arranged.inside)
        found += self._parts(arranged.after)
        return tuple(found)

    def _parts(self, steps: Sequence[StepSpec]) -> Iterator[Segment]:
        for group in neighbours(steps):
            first = group[0]
            if first.batch is not None:
                yield from self._chunks(group)
            elif first.branches():
                yield Decision(first, tuple((name, self._branch(inner)) for name, inner in first.branches()))
            else:
                yield Single(first)

    def _branch(self, steps: Sequence[StepSpec]) -> tuple[Segment, ...]:
        """The segments of a branch. What it puts into the run is not there for those who did not come that way."""
        before = dict(self._items)
        found = tuple(self._parts(steps))
        self._items = before
        return found

    def _transaction(self, inside: Sequence[StepSpec]) -> Iterator[Segment]:
        groups: list[tuple[str | None, tuple[StepSpec, ...]]] = []
        for group in neighbours(inside):
            source = None
            if group[0].batch is not None:
                source, items = self._source(group[0])
                yield from items
            groups.append((source, group))
        if groups and self._job.transaction and self._job.transaction.staging:
            yield self._staged(Transaction(tuple(groups)))
        elif groups:
            yield Transaction(tuple(groups))

    @staticmethod
    def _staged(transaction: Transaction) -> Staged:
        """Chunks fill the stage in any order: the commit goes by the records' own."""
        told = [step.batch.concurrency for step in transaction.steps if step.batch and step.batch.concurrency]
        inline = any(step.batch is not None and step.batch.mode == "inline" for step in transaction.steps)
        return Staged(transaction, min(told) if told else STAGE_CONCURRENCY, inline)

    def _chunks(self, group: tuple[StepSpec, ...]) -> Iterator[Segment]:
        source, items = self._source(group[0])
        yield from items
        ordered = any(is_database(step) for step in group)
        told = [step.batch.concurrency for step in group if step.batch and step.batch.concurrency]
        concurrency = min(told) if told else (1 if ordered else CALLS_CONCURRENCY)
        inline = any(step.batch is not None and step.batch.mode == "inline" for step in group)
        yield Chunks(source, tuple(self._units(group, source, None)), concurrency, inline)

    def _source(self, step: StepSpec) -> tuple[str, list[Segment]]:
        """The id of the rows a batch goes over, and what must first put them there."""
        named = source_of(step)
        around = _lists_around(self._job.steps, step) if named else ()
        target = named and next((each for steps in around for each in walk_steps(steps) if each.name == named[0]), None)
        if named and target and target.batch is None and named[1] in target.result_shape.lists:
            return target.id, []
        expression = step.batch.source if step.batch else ""
        key = "".join(expression.split())
        if key in self._items:
            return self._items[key], []
        self._items[key] = f"records_of_{step.id}"
        return self._items[key], [Items(self._items[key], expression)]

    def _units(self, steps: Sequence[StepSpec], source: str, mask: tuple[str, str] | None) -> Iterator[Unit]:
        wanted = self._job.transaction
        if wanted is not None and wanted.scope == "chunk":
            arranged = arrange(steps, inline=wanted.external == "inline")
            yield from self._plain(arranged.before, source, mask)
            if arranged.inside:
                yield from self._committed(arranged.inside, source, mask)
            yield from self._plain(arranged.after, source, mask)
        else:
            yield from self._plain(steps, source, mask)

    def _plain(self, steps: Sequence[StepSpec], source: str, mask: tuple[str, str] | None) -> Iterator[Unit]:
        """Each step by itself; database steps whose order matters to each other stay together, record by record."""
        run: list[StepSpec] = []
        for step in steps:
            if is_database(step) and not (step.branches() and is_call(step)):
                run.append(step)
                continue
            yield from self._fused(run, source, mask)
            run = []
            yield self._alone(step, source, mask)
        yield from self._fused(run, source, mask)

    def _fused(self, run: list[StepSpec], source: str, mask: tuple[str, str] | None) -> Iterator[Unit]:
        pairs = ((one, other) for at, one in enumerate(run) for other in run[at + 1 :])
        if any(touches_same(one, other) for one, other in pairs) or any(touches_itself(step) for step in run):
            yield from self._committed(tuple(run), source, mask)
        else:
            for step in run:
                yield self._alone(step, source, mask)

    @staticmethod
    def _committed(steps: tuple[StepSpec, ...], source: str, mask: tuple[str, str] | None) -> Iterator[Unit]:
        if len(steps) == 1 and not steps[0].branches():
            yield Single(steps[0], mask)
        else:
            yield Transaction(((source, steps),), mask)

    def _alone(self, step: StepSpec, source: str, mask: tuple[str, str] | None) -> Unit:
        if not step.branches():
            return Single(step, mask)
        inner = tuple(
            (name, tuple(self._units([_with_batch(each, step) for each in steps], source, (step.id, name))))
            for name, steps in step.branches()
        )
        return Branch(step, inner, mask)


def _lists_around(steps: Sequence[StepSpec], step: StepSpec) -> tuple[Sequence[StepSpec], ...]:
    """The lists of steps that a step stands in, its own first: branches may share a name, and its own branch's is meant."""
    for each in steps:
        if each.id == step.id:
            return (steps,)
        for _, inner in each.branches():
            found = _lists_around(inner, step)
            if found:
                return (*found, steps)
    return ()


def _with_batch(step: StepSpec, outer: StepSpec) -> StepSpec:
    """A step of a branch as a Task of its own: it goes over the records of the conditional around it."""
    return step if step.batch is not None else step.model_copy(update={"batch": outer.batch})


def segments(job: Job) -> tuple[Segment, ...]:
    """The segments of a job that has been checked."""
    return Segmenter(job).all()


def chunk_size(job: Job, source: str) -> int:
    """Records per chunk of the rows that a step (or Items) makes: what a batch over them says, else 500."""
    segmenter = Segmenter(job)
    for step in walk_steps(job.steps):
        if step.batch is not None and step.batch.size:
            found, _ = segmenter._source(step)  # noqa: SLF001 - the same rule, asked again
            if source in (found, f"records_of_{step.id}"):
                return step.batch.size
    return DEFAULT_CHUNK
