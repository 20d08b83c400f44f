"""Which steps stand inside a transaction, which before it, and which calls are moved behind its commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portl.jobs._connections import connection_name
from portl.jobs._models import Job, StepSpec, Transaction, walk_steps
from portl.jobs._references import reads, source_of, step_names

DATABASES = frozenset({"postgres"})
CALLS = frozenset({"http", "lambda"})

Problem = tuple[str, str, str, str]
"""(step id, code, message, hint)"""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The steps of a stretch in three parts. ``inside`` commit together; ``after`` run behind the commit."""

    before: tuple[StepSpec, ...]
    inside: tuple[StepSpec, ...]
    after: tuple[StepSpec, ...]
    problems: tuple[Problem, ...] = ()


def is_database(step: StepSpec) -> bool:
    """Whether the step, or one inside it, works on a database."""
    return any(each.connects_to in DATABASES for each in walk_steps([step]))


def used_databases(job: Job) -> list[str]:
    """The names of the database connections that steps of the job use."""
    names = {connection_name(job, step) for step in walk_steps(job.steps) if step.connects_to in DATABASES}
    return sorted(name for name in names if name is not None)


def is_call(step: StepSpec) -> bool:
    """Whether the step, or one inside it, calls an API or a function, or changes files of a store."""
    return any(has_effect_outside(each) for each in walk_steps([step]))


def has_effect_outside(step: StepSpec) -> bool:
    """Whether the step itself does something that no transaction takes back."""
    return step.connects_to in CALLS or step.files == "changed"


def goes_outside(step: StepSpec) -> bool:
    """Whether the step itself asks an API, a function or a store: its records may be under way together, and be tried again."""
    return step.connects_to in CALLS or step.files != "none"


def arrange(steps: Sequence[StepSpec], *, inline: bool = False) -> Arrangement:
    """Parts the steps around one transaction that reaches from the first database step to the last.

    A call inside that stretch goes behind the commit when no later database step reads its answer, directly, through another
    step or in a ``when``; ``inline`` leaves calls where they stand.
    """
    at = [place for place, step in enumerate(steps) if is_database(step)]
    if not at:
        return Arrangement(tuple(steps), (), ())
    before, stretch, after = list(steps[: at[0]]), steps[at[0] : at[-1] + 1], list(steps[at[-1] + 1 :])
    inside: list[StepSpec] = []
    moved: list[StepSpec] = []
    problems: list[Problem] = []
    for place, step in enumerate(stretch):
        later = stretch[place + 1 :]
        if is_database(step):
            problems += _mixed(step, inline=inline)
            inside.append(step)
        elif is_call(step):
            if inline:
                inside.append(step)
            else:
                problems += _read_later(step, later)
                moved.append(step)
        else:
            _place_quiet(step, later, (before, inside, moved), problems)
    return Arrangement(tuple(before), tuple(inside), (*moved, *after), tuple(problems))


def _place_quiet(
    step: StepSpec,
    later: Sequence[StepSpec],
    parts: tuple[list[StepSpec], list[StepSpec], list[StepSpec]],
    problems: list[Problem],
) -> None:
    """A step that touches neither database nor API goes before the transaction, or behind it when it reads it."""
    before, inside, moved = parts
    if not reads(step) & {each.name for part in (inside, moved) for other in part for each in walk_steps([other])}:
        before.append(step)
    elif _needed_by(step, later):
        text = f'"{step.id}" reads the open transaction and a later database step reads "{step.id}"'
        problems.append((step.id, "J305", text, "put it before the first database step, or behind the last"))
    else:
        moved.append(step)


def _mixed(step: StepSpec, *, inline: bool) -> Iterator[Problem]:
    if inline or step.connects_to is not None:
        return
    for each in walk_steps([step]):
        if has_effect_outside(each):
            text = f'"{each.id}" would be called while the transaction is open'
            yield (
                each.id,
                "J305",
                text,
                "give the call a conditional of its own, or write transaction.external: inline",
            )


def _needed_by(step: StepSpec, later: Sequence[StepSpec]) -> str:
    """The id of the first database step of ``later`` that needs what ``step`` answers, or nothing."""
    names = {each.name for each in walk_steps([step])}
    for other in later:
        if names & reads(other):
            if is_database(other):
                return other.id
            names |= {each.name for each in walk_steps([other])}
    return ""


def _read_later(step: StepSpec, later: Sequence[StepSpec]) -> Iterator[Problem]:
    reader = _needed_by(step, later)
    if reader:
        text = f'"{step.id}" is a call inside the transaction and "{reader}" needs its answer'
        hint = "move it before the first database step, or write transaction.external: inline to call while it is open"
        yield (step.id, "J302", text, hint)


def touches_same(first: StepSpec, second: StepSpec) -> bool:
    """Whether the order of the two matters to a database: both write a table, or one writes and the other may read it."""
    left, right = _touched(first), _touched(second)
    return bool(left[0] & right[0]) or bool(left[0] and right[1]) or bool(right[0] and left[1])


def touches_itself(step: StepSpec) -> bool:
    """Whether the order of records matters inside a conditional: its branches write and read the same tables."""
    inner = [each for each in walk_steps([step]) if each.connects_to in DATABASES]
    return any(touches_same(one, other) for at, one in enumerate(inner) for other in inner[at + 1 :])


def _touched(step: StepSpec) -> tuple[frozenset[str], bool]:
    """The tables written, and whether SQL text is run that may read any table."""
    all_steps = list(walk_steps([step]))
    written = frozenset[str]().union(*(each.writes() for each in all_steps))
    return written, any(each.runs_sql() for each in all_steps)


def neighbours(steps: Sequence[StepSpec]) -> list[tuple[StepSpec, ...]]:
    """The steps in runs: neighbours over the same records belong together, a step without a batch stands alone."""
    groups: list[list[StepSpec]] = []
    for step in steps:
        last = groups[-1][-1] if groups else None
        if last and last.batch and step.batch and last.batch.source.split() == step.batch.source.split():
            groups[-1].append(step)
        else:
            groups.append([step])
    return [tuple(group) for group in groups]


def check_transaction(job: Job) -> Iterator[Problem]:
    """J301, J302, J305, J306: what cannot commit together, or not one after another, on a connection that is a database."""
    wanted = job.transaction
    if wanted is None:
        yield from _cut_apart(job)
    else:
        yield from _one_database(job, wanted)
        yield from _arranged(job, wanted)


def _cut_apart(job: Job) -> Iterator[Problem]:
    """J306: a call between database steps that touch the same table; all records of a chunk would pass the first one first."""
    for group in neighbours(job.steps):
        if group[0].batch is None or any(step.batch is not None and step.batch.size == 1 for step in group):
            continue
        for at, step in enumerate(group):
            before = [each for each in group[:at] if is_database(each)]
            after = [each for each in group[at + 1 :] if is_database(each)]
            mixed = is_call(step) and is_database(step) and touches_itself(step)
            around = not is_database(step) and any(touches_same(one, other) for one in before for other in after)
            if mixed or around:
                text = f'"{step.id}" stands between database steps on the same table: records would not go one after another'
                yield (step.id, "J306", text, "write a transaction with scope: chunk, or batch.size: 1")


def _one_database(job: Job, wanted: Transaction) -> Iterator[Problem]:
    for step in walk_steps(job.steps):
        if step.connects_to in DATABASES and step.connection not in (None, wanted.connection):
            text = f'"{step.id}" works on {step.connection}, the transaction on {wanted.connection}'
            yield (step.id, "J301", text, "a transaction lives on one connection")


def _arranged(job: Job, wanted: Transaction) -> Iterator[Problem]:
    inline = wanted.external == "inline"
    if wanted.scope == "db":
        arranged = arrange(job.steps, inline=inline)
        yield from arranged.problems
        yield from _made_inside(arranged.inside)
        return
    for group in neighbours(job.steps):
        if group[0].batch is not None:
            yield from arrange(group, inline=inline).problems


def _made_inside(inside: Sequence[StepSpec]) -> Iterator[Problem]:
    """J305: a batch over a list that only the open transaction makes, and that is no rows of a query."""
    made = {step.name: step for step in inside}
    for step in inside:
        if step.batch is None or not step_names(step.batch.source) & made.keys():
            continue
        source = source_of(step)
        if source is None or source[1] not in made[source[0]].result_shape.lists:
            text = f'the batch of "{step.id}" goes over something that only the transaction makes'
            yield (step.id, "J305", text, "batch over the rows of a db.query_many")
