from __future__ import annotations

from portl.jobs._models import walk_steps
from portl.jobs._rules._check import Check, Placed
from portl.jobs._transactions import arrange


def records_can_be_kept_aside(check: Check) -> None:
    """J215, J309: ``on_error: dead_letter`` stands where there is a record, and where the run can go on without it."""
    together = _inside_one_transaction(check)
    for placed in check.steps:
        if placed.step.on_error != "dead_letter":
            continue
        path = (*placed.path, "on_error")
        if placed.step.id in together:
            text = f'"{placed.step.id}" commits together with all records, or rolls back'
            check.add(path, "J309", text, "leave on_error out, or write transaction.scope: chunk")
        elif placed.batch is None and not _batch_unread(check, placed):
            text = f'"{placed.step.id}" has no batch, so no record to keep aside'
            check.add(path, "J215", text, "leave on_error out, or give it a batch")


def _batch_unread(check: Check, placed: Placed) -> bool:
    """Whether the step, or a conditional around it, may have a batch that cannot be read."""
    return any(check.broken.touches(each.path, "batch") for each in (placed, *(outer for outer, _ in placed.around)))


def _inside_one_transaction(check: Check) -> set[str]:
    """The ids of the steps that commit together over all records."""
    wanted = check.job.transaction
    if wanted is None or wanted.scope != "db" or check.broken.touches((), "transaction"):
        return set()
    inside = arrange(check.job.steps, inline=wanted.external == "inline").inside
    return {step.id for step in walk_steps(inside)}
