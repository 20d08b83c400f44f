from __future__ import annotations

import re

from portl.jobs._references import source_of
from portl.jobs._rules._check import Check, Placed, compiled_or_none
from portl.jobs._rules.alignment import reference_lines_up
from portl.jobs._rules.references import reference_leads_somewhere
from portl.jobs._yaml import Path
from portl.values import Compiled

_BARE_PARAM = re.compile(r"\s*\{\{\s*params\.(\w+)\s*\}\}\s*")


def a_batch_goes_over_a_list(check: Check) -> None:
    """J208, J216, and the codes of references: ``batch.from`` leads to a list that is made. J210: one chunk size for a list."""
    for placed in check.steps:
        if placed.step.batch is None:
            continue
        path = (*placed.path, "batch", "from")
        compiled = compiled_or_none(placed.step.batch.source)
        if compiled is not None:
            _reads(check, placed, path, compiled)
            _is_list(check, placed, path, compiled)
            _is_made(check, placed, path, compiled)
    _one_size(check)


def _reads(check: Check, placed: Placed, path: Path, compiled: Compiled) -> None:
    for reference in compiled.references:
        if reference.path[0] in ("steps", "params"):
            reference_leads_somewhere(check, placed, path, reference)
            reference_lines_up(check, placed, path, reference, placed.batch_around)
        else:
            text = f'a batch reads steps or params, not "{reference.path[0]}"'
            check.add(path, "J206", text, offset=reference.offset)


def _is_list(check: Check, placed: Placed, path: Path, compiled: Compiled) -> None:
    if compiled.constant:
        check.add(path, "J208", "a batch goes over a list that an expression names", 'as in "{{ steps.read_csv.rows }}"')
        return
    offset = compiled.references[0].offset if compiled.references else None
    text, hint = _no_list(check, placed)
    if text:
        check.add(path, "J208", text, hint, offset=offset)


def _no_list(check: Check, placed: Placed) -> tuple[str, str]:
    """What a batch goes over that is known to be no list, or nothing."""
    found = _BARE_PARAM.fullmatch(placed.step.batch.source) if placed.step.batch else None
    param = check.job.params.get(found[1]) if found else None
    if found and param and param.type != "list":
        return f"params.{found[1]} is a {param.type} and no list", "declare it with type: list"
    source = source_of(placed.step)
    target = next((each.step for each in check.named.get(source[0], ()) if each.at < placed.at), None) if source else None
    if source is None or target is None or target.result_shape.fields is None:
        return "", ""
    if source[1] not in target.result_shape.fields or source[1] in target.result_shape.lists:
        return "", ""
    lists = ", ".join(f"steps.{source[0]}.{name}" for name in sorted(target.result_shape.lists))
    return f"steps.{source[0]}.{source[1]} is no list", f"a list is {lists}" if lists else ""


def _is_made(check: Check, placed: Placed, path: Path, compiled: Compiled) -> None:
    """J216: the state machine names the step that made the rows, and behind a conditional only a run knows which one did."""
    source = source_of(placed.step)
    makers = [each for each in check.named.get(source[0], ()) if each.at < placed.at] if source else []
    if source is None or not makers or source[1] not in makers[0].step.result_shape.lists:
        return
    ways = [_way(maker, placed) for maker in makers if maker.batch is None and not maker.opposite(placed)]
    first = ways[0] if ways and None not in ways else None
    if first is None:
        return
    conditional, branch = first
    rest = "and so perhaps by another step" if len(ways) > 1 else f"so only where it takes {branch}"
    text = f'steps.{source[0]}.{source[1]} is made in a branch of "{conditional.step.id}", {rest}'
    check.add(path, "J216", text, "let the batch stand in the branch", offset=compiled.references[0].offset)


def _way(maker: Placed, placed: Placed) -> tuple[Placed, str] | None:
    """The branch that one must take to pass a step and need not take to come to the other."""
    return next((way for way in maker.around if way not in placed.around), None)


def _one_size(check: Check) -> None:
    """J210: the first step that says a size says it for all over the same records."""
    sizes: dict[str, tuple[int, str]] = {}
    for placed in check.steps:
        mine = placed.step.batch
        if mine is None or mine.size is None:
            continue
        size, step_id = sizes.setdefault(" ".join(mine.source.split()), (mine.size, placed.step.id))
        if size != mine.size:
            text = f'chunks of {mine.size} here and of {size} in "{step_id}", over the same records'
            check.add((*placed.path, "batch", "size"), "J210", text, "write one size")
