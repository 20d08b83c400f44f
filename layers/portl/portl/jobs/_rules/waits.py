from __future__ import annotations

from portl.jobs._rules._check import Check, Placed
from portl.jobs._transactions import is_database


def waits_stand_by_themselves(check: Check) -> None:
    """J217: a step that waits stands where a state machine can wait for it."""
    for placed in check.steps:
        _turns(check, placed)
        if not placed.step.comes_back:
            continue
        if not placed.step.waits:
            _pages(check, placed)
        elif placed.batch is not None:
            hint = "wait for a pattern, or for the file that is written last, and put it before the batch"
            path = (*placed.path, "batch") if placed.step.batch else (*placed.path, "id")
            check.add(path, "J217", f"{placed.step.type} waits once, not for every record", hint, key=bool(placed.step.batch))
        elif check.job.transaction and any(is_database(outer.step) for outer, _ in placed.around):
            text = f'"{placed.step.id}" would wait while the transaction is open'
            check.add((*placed.path, "id"), "J217", text, "give it a conditional of its own")


def _turns(check: Check, placed: Placed) -> None:
    """Turns that are far apart are waited for by a state machine, which cannot while a transaction is open."""
    rate = getattr(placed.step, "rate", None)
    inline = check.job.transaction is not None and check.job.transaction.external == "inline"
    if rate is not None and inline and rate.per_s > rate.requests:
        text = f'"{placed.step.id}" would wait for its turns while the transaction is open'
        check.add((*placed.path, "rate"), "J217", text, "write a rate of one a second or more, or leave external: inline out")


def _pages(check: Check, placed: Placed) -> None:
    """A call that reads pages is gone back to by its state machine, between two of them."""
    if placed.batch is not None:
        text, hint = "pages are read once, not for every record", "read them in a step without a batch, and go over its rows"
        check.add((*placed.path, "paginate"), "J217", text, hint, key=True)
    elif check.job.transaction and check.job.transaction.external == "inline":
        text = f'"{placed.step.id}" would read pages while the transaction is open'
        check.add((*placed.path, "paginate"), "J217", text, "leave external: inline out", key=True)
