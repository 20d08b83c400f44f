from __future__ import annotations

from portl.jobs._models import RESERVED
from portl.jobs._rules._check import Check, Placed


def names_are_free(check: Check) -> None:
    """J006, J007: ids are unique, names are free, and two steps share a name only in opposite branches."""
    seen: dict[str, Placed] = {}
    for placed in check.steps:
        step = placed.step
        for name, where in ((step.id, "id"), (step.save_as, "save_as"), (step.batch and step.batch.alias, "batch")):
            if name in RESERVED:
                path = (*placed.path, where, "as") if where == "batch" else (*placed.path, where)
                check.add(path, "J007", f'"{name}" has a meaning of its own and cannot be a name')
        if step.id in seen:
            check.add((*placed.path, "id"), "J006", f'the id "{step.id}" stands twice')
        seen.setdefault(step.id, placed)
    for placed in check.steps:
        if placed.step.save_as:
            _saved(check, placed, placed.step.save_as, seen)


def _saved(check: Check, placed: Placed, name: str, ids: dict[str, Placed]) -> None:
    path = (*placed.path, "save_as")
    if name in ids and ids[name] is not placed:
        check.add(path, "J006", f'"{name}" is the id of another step')
        return
    for other in check.named[name]:
        if other.at < placed.at and not other.opposite(placed):
            hint = "only steps in opposite branches of a conditional may share a name"
            check.add(path, "J006", f'"{name}" is the name of "{other.step.id}" already', hint)
            return
