from __future__ import annotations

from portl.jobs._models import RESERVED
from portl.jobs._rules._check import Check, Placed
from portl.jobs._stores import is_store


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


def stores_can_be_named(check: Check) -> None:
    """J007: an address of one letter and a colon begins with a drive of Windows, so that no step could name such a store."""
    for path, spec in check.declared():
        if len(str(path[-1])) == 1 and is_store(spec):
            text = f'"{path[-1]}" cannot name a store: {path[-1]}:file is a path with a drive letter'
            check.add(path, "J007", text, "a name of two characters or more", key=True)


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
