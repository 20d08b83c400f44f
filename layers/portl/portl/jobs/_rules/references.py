from __future__ import annotations

from portl.jobs._diagnostics import closest
from portl.jobs._mending import STAND_IN
from portl.jobs._references import as_step_reference
from portl.jobs._rules._check import Check, Placed
from portl.jobs._yaml import Path
from portl.values import Reference

_RUN = ("id", "job", "started_at")
_EVERYWHERE = frozenset({"params", "steps", "run", "now"})


def references_lead_somewhere(check: Check) -> None:
    """J201, J202, J203, J205, J206, J211: every reference of a step's expressions leads to something that is there."""
    for placed in check.steps:
        for path, references in check.references(placed):
            for reference in references:
                reference_leads_somewhere(check, placed, path, reference)


def reference_leads_somewhere(check: Check, placed: Placed, path: Path, reference: Reference) -> None:
    """Tells where one reference of a step leads to nothing."""
    head = reference.path[0]
    if head == "params":
        param_is_declared(check, path, reference)
    elif head == "steps":
        _step(check, placed, path, reference)
    elif head == "run":
        _run(check, path, reference)
    else:
        _name(check, placed, path, reference)


def param_is_declared(check: Check, path: Path, reference: Reference) -> None:
    """J205: the parameter that is read is one of the job's."""
    name = reference.path[1] if len(reference.path) > 1 else None
    if isinstance(name, str) and name not in check.job.params:
        hint = closest(name, check.job.params) or "declare it under params"
        check.add(path, "J205", f'there is no parameter "{name}"', hint, offset=reference.offset)


def _run(check: Check, path: Path, reference: Reference) -> None:
    """J206: ``run`` has three fields."""
    if len(reference.path) > 1 and reference.path[1] not in _RUN:
        hint = closest(str(reference.path[1]), _RUN)
        check.add(path, "J206", f'run has no "{reference.path[1]}"', hint, offset=reference.offset)


def _name(check: Check, placed: Placed, path: Path, reference: Reference) -> None:
    """J206: a name of its own is the batch's alias or ``idx``."""
    head = str(reference.path[0])
    known = _EVERYWHERE | ({placed.batch.alias, "idx"} if placed.batch else set())
    if not placed.batch or placed.step.comes_back:  # that it has a batch is told there (J217)
        known |= _own_names(placed, path)
    if head in known or (head == "idx" and _reads_a_record(check, path)):
        return
    if head == "part" and check.broken.touches(placed.path, "parts"):
        return  # the parts that would give it are told of
    of_a_batch = {"idx"} | {each.step.batch.alias for each in check.steps if each.step.batch}
    hint = closest(head, known)
    if not placed.batch and head in of_a_batch:
        hint = "this step has no batch: add batch: {from: …}"
    check.add(path, "J206", f'there is nothing called "{head}" here', hint, offset=reference.offset)


def _own_names(placed: Placed, path: Path) -> set[str]:
    return {name for field, name in placed.step.own_names() if path[len(placed.path) :][:1] == (field,)}


def _reads_a_record(check: Check, path: Path) -> bool:
    """Whether the text reads a step by index: that it has no batch is told there (J209)."""
    return any(
        where == path and any(each.path[0] == "steps" and None in each.path for each in references)
        for placed in check.steps
        if path[: len(placed.path)] == placed.path
        for where, references in check.references(placed)
    )


def _step(check: Check, placed: Placed, path: Path, reference: Reference) -> None:
    found = as_step_reference(reference)
    if found is None:
        return
    all_named = check.named.get(found.name, [])
    targets = [each for each in all_named if each.at < placed.at]
    if not all_named:
        known = {each.name for each in check.steps if each.at < placed.at and not each.name.startswith(STAND_IN)}
        text = f'there is no step "{found.name}"'
        check.add(path, "J201", text, closest(found.name, known), offset=reference.offset)
    elif all(each.opposite(placed) for each in all_named):
        text = f'"{found.name}" stands in the other branch: for a record only one of them runs'
        check.add(path, "J211", text, "its result is always null here", offset=reference.offset)
    elif not targets:
        own = all_named == [placed]
        text = f'the step "{found.name}" ' + ("cannot read its own result" if own else "stands later")
        check.add(path, "J202", text, "" if own else "move it before this one", offset=reference.offset)
    else:
        _field(check, path, reference, [each for each in targets if not each.opposite(placed)] or targets)


def _field(check: Check, path: Path, reference: Reference, targets: list[Placed]) -> None:
    """J203: the field that is read is one of the result's."""
    found = as_step_reference(reference)
    shapes = [each.step.result_shape.fields for each in targets]
    if found is None or found.field is None or any(fields is None or found.field in fields for fields in shapes):
        return
    known = [name for fields in shapes for name in fields or ()]
    text = f'{targets[0].step.type} has no "{found.field}" in its result'
    check.add(path, "J203", text, closest(found.field, known), offset=reference.offset)
