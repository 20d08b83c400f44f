from __future__ import annotations

from portl.jobs._rules._check import Check
from portl.jobs._transactions import is_database


def waits_stand_by_themselves(check: Check) -> None:
    """J217: a step that waits stands where a state machine can wait for it."""
    for placed in check.steps:
        if not placed.step.waits:
            continue
        if placed.batch is not None:
            hint = "wait for a pattern, or for the file that is written last, and put it before the batch"
            path = (*placed.path, "batch") if placed.step.batch else (*placed.path, "id")
            check.add(path, "J217", f"{placed.step.type} waits once, not for every record", hint, key=bool(placed.step.batch))
        elif check.job.transaction and any(is_database(outer.step) for outer, _ in placed.around):
            text = f'"{placed.step.id}" would wait while the transaction is open'
            check.add((*placed.path, "id"), "J217", text, "give it a conditional of its own")
