from __future__ import annotations

from portl.jobs._models import Batch
from portl.jobs._references import StepReference, as_step_reference
from portl.jobs._rules._check import Check, Placed
from portl.jobs._yaml import Path
from portl.values import Reference


def results_line_up(check: Check) -> None:
    """J209: one result a record is read by index, from a step over the same records."""
    for placed in check.steps:
        for path, references in check.references(placed):
            for reference in references:
                reference_lines_up(check, placed, path, reference, placed.batch)
        if placed.step.batch and placed.batch_around:
            text = "a step inside a conditional over a batch has that batch already"
            check.add((*placed.path, "batch"), "J209", text, "leave batch out")


def reference_lines_up(check: Check, placed: Placed, path: Path, reference: Reference, mine: Batch | None) -> None:
    """Tells where a reference reads a result that does not belong to the record; ``mine`` is the batch it is read in."""
    found = as_step_reference(reference)
    target = next((each for each in check.named.get(found.name, []) if each.at < placed.at), None) if found else None
    if found is None or target is None or _batch_is_broken(check, target):
        return
    problem = _misaligned(found, mine, target.batch, by_number=any(isinstance(part, int) for part in reference.path[2:3]))
    if problem:
        check.add(path, "J209", *problem, offset=reference.offset)


def _batch_is_broken(check: Check, target: Placed) -> bool:
    return any(check.broken.touches(each.path, "batch") for each in (target, *(outer for outer, _ in target.around)))


def _misaligned(found: StepReference, mine: Batch | None, theirs: Batch | None, *, by_number: bool) -> tuple[str, str] | None:
    if theirs is None:
        if not found.indexed or by_number:
            return None
        return f'"{found.name}" has one result, not one a record', f"write steps.{found.name}"
    if mine is None:
        text = f'"{found.name}" has a result for each record and this step has no batch'
        return text, f"give it batch: {{from: {theirs.source!r}}}"
    if not found.indexed:
        return f'"{found.name}" has a result for each record', f"write steps.{found.name}[idx]"
    if theirs.source.split() != mine.source.split():
        text = f'"{found.name}" runs over {theirs.source}, this step over {mine.source}: their records do not line up'
        return text, ""
    return None
