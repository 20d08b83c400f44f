from __future__ import annotations

from collections.abc import Iterator, Sequence

from portl.jobs._models import StepSpec
from portl.jobs._references import reads
from portl.jobs._rules._check import Check
from portl.jobs._transactions import arrange, is_call

STAGEABLE = frozenset({"db.upsert", "db.insert"})
_WAY_OUT = "leave transaction.staging out, or write scope: chunk"


def staging_can_be_done(check: Check) -> None:
    """J310: what ``transaction.staging`` asks for comes to the same as going record by record."""
    wanted = check.job.transaction
    if wanted is None or not wanted.staging or check.broken.touches((), "transaction") or check.found("J006", "J303"):
        return
    if wanted.scope != "db":
        hint = "leave staging out, or write scope: db"
        check.add(("transaction", "staging"), "J310", "staging is for scope: db: a chunk commits by itself here", hint)
        return
    inside = arrange(check.job.steps, inline=wanted.external == "inline").inside
    paths = {each.step.id: each.path for each in check.steps}
    broken = {step.id for step in inside if check.broken.touches(paths[step.id], "batch", "type")}
    for at, step in enumerate(inside):
        reason = next(_reasons(step, inside[:at]), "")
        if reason and step.id not in broken:
            hint = "leave transaction.external out: it is then called behind the commit" if is_call(step) else _WAY_OUT
            check.add((*paths[step.id], "id"), "J310", f'"{step.id}" cannot be staged: {reason}', hint)


def _reasons(step: StepSpec, before: Sequence[StepSpec]) -> Iterator[str]:
    if is_call(step):
        yield "it would be called inside the transaction"
    elif step.type not in STAGEABLE:
        yield f"a stage takes db.upsert and db.insert, no {step.type}"
    elif step.batch is None:
        yield "it has no batch, and a stage is filled chunk by chunk"
    for other in before:
        if other.name in reads(step):
            yield f'it reads what "{other.id}" writes, and that is known behind the commit only'
        elif any(_same(one, another) for one in step.writes() for another in other.writes()):
            yield f'"{other.id}" writes the same table, and their records would not go one after another'
        elif step.batch and other.batch and step.batch.source.split() != other.batch.source.split():
            yield f'it goes over other records than "{other.id}"'


def _same(one: str, other: str) -> bool:
    """Whether two names may be one table's: where a schema is not said, the database's search path says it."""
    ours, theirs = one.split("."), other.split(".")
    return ours[-1] == theirs[-1] and (ours == theirs or len(ours) != len(theirs))
