from __future__ import annotations

from portl.jobs._rules._check import Check, Placed
from portl.jobs._transactions import DATABASES, goes_outside


def settings_have_an_effect(check: Check) -> None:
    """J212: ``retry`` stands where calls are tried again, ``update_columns`` where a row is updated."""
    for placed in check.steps:
        if placed.step.retry is not None and not goes_outside(placed.step):
            check.add((*placed.path, "retry"), "J212", f"{placed.step.type} takes no retry", _instead(placed), key=True)
        conflict = getattr(placed.step, "conflict", None)
        if conflict in ("skip", "fail") and getattr(placed.step, "update_columns", None) is not None:
            text = f"conflict: {conflict} updates no row, so update_columns has no effect"
            check.add((*placed.path, "update_columns"), "J212", text, "leave one of them out", key=True)


def _instead(placed: Placed) -> str:
    if placed.step.connects_to in DATABASES:
        return "leave it out: a database step is tried again by its state machine"
    return "leave it out: retry is for calls and for the steps on files"
