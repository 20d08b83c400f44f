from __future__ import annotations

from collections.abc import Iterable, Iterator

from portl.jobs._references import source_of
from portl.jobs._rules._check import Check, Placed
from portl.jobs._yaml import Path


def columns_are_those_named(check: Check) -> None:
    """J213: a column that is read, or typed, is not one letter away from one that ``csv.read`` names under ``columns``."""
    for placed in check.steps:
        for path, name, columns, offset in (*_read(check, placed), *_typed(placed)):
            near = None if name in columns else next((each for each in columns if nearly(name, each)), None)
            if near:
                text = f'the column "{name}" is not among the columns of csv.read'
                check.add(path, "J213", text, f'did you mean "{near}"?', offset=offset, key=offset is None)


def _read(check: Check, placed: Placed) -> Iterator[tuple[Path, str, list[str], int | None]]:
    """The columns that a step over the rows of a CSV reads."""
    columns = _columns_of_batch(check, placed)
    batch = placed.batch
    for path, references in check.references(placed) if columns and batch else ():
        for reference in references:
            if batch and len(reference.path) > 1 and reference.path[0] == batch.alias and isinstance(reference.path[1], str):
                yield path, reference.path[1], columns, reference.offset


def _columns_of_batch(check: Check, placed: Placed) -> list[str]:
    over = next((each for each in (placed, *(outer for outer, _ in reversed(placed.around))) if each.step.batch), placed)
    source = source_of(over.step)
    targets = check.named.get(source[0], []) if source and source[1] == "rows" else []
    return list(getattr(targets[0].step, "columns", None) or []) if targets else []


def _typed(placed: Placed) -> Iterator[tuple[Path, str, list[str], int | None]]:
    """The columns to which a ``csv.read`` itself gives types."""
    columns: list[str] = getattr(placed.step, "columns", None) or []
    types: Iterable[str] = getattr(placed.step, "types", ()) if columns else ()
    for name in types:
        yield (*placed.path, "types", name), name, columns, None


def nearly(one: str, other: str) -> bool:
    """Whether two names differ in capitals only, in one letter, or in two neighbouring letters that changed places."""
    if one.casefold() == other.casefold():
        return True
    short, long = sorted((one, other), key=len)
    at = next((place for place, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest_short, rest_long = short[at:], long[at:]
    if len(short) < len(long):
        return rest_long[1:] == rest_short
    swapped = rest_short[1::-1] + rest_short[2:]
    return rest_short[1:] == rest_long[1:] or swapped == rest_long
