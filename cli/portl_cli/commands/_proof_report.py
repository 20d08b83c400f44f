"""What a proof says: what it stands on, a table of crash points, every difference, and the count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from portl_cli.prove import Outcome, Point, Undisturbed

MOST_POINTS = 5
"""How many crash points are named that led to one difference."""
_Row = tuple[str, ...]


def beginning(job: str, calm: Undisturbed, unused: Sequence[str], *, rerun: bool) -> Iterator[str]:
    """What is compared with what."""
    yield f"proof of {job}, on a database and a peer of its own"
    if unused:
        yield f"  {', '.join(unused)} of the environment {'is' if len(unused) == 1 else 'are'} set and not used"
    second = "the engine's Retry, then a second run with the same run_key" if rerun else "the engine's Retry; it has no run_key"
    yield f"  after each crash: {second}"
    for each in calm.left_out:
        yield f"  not compared: {each}"


def table(outcomes: Sequence[Outcome], *, verbose: bool) -> Iterator[str]:
    """A line for each step and kind of effect, or for every point."""
    rows = [_each(outcome) for outcome in outcomes] if verbose else [*_grouped(outcomes)]
    head = ("crash point", "then", "differences") if verbose else ("step", "killed at", "points", "then", "differences")
    yield ""
    yield from _aligned([head, *rows])


def _each(outcome: Outcome) -> _Row:
    return str(outcome.point), outcome.happened, f"{len(outcome.differences):,}"


def _grouped(outcomes: Sequence[Outcome]) -> Iterator[_Row]:
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.point.step, outcome.point.kind), []).append(outcome)
    for (step, kind), group in groups.items():
        happened = Counter(outcome.happened for outcome in group)
        told = ", ".join(name if len(happened) == 1 else f"{count:,} {name}" for name, count in happened.items())
        yield step, kind, f"{len(group):,}", told, f"{sum(len(outcome.differences) for outcome in group):,}"


def _aligned(rows: Sequence[_Row]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        yield ("  " + "  ".join(cells)).rstrip()


def ending(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Every difference once, with the points that led to it; then the count."""
    found: dict[str, list[Point]] = {}
    for outcome in outcomes:
        for text in dict.fromkeys(map(str, outcome.differences)):
            found.setdefault(text, []).append(outcome.point)
    yield ""
    for text, crashed in found.items():
        yield f"  {text}"
        yield from (f"      {point}" for point in crashed[:MOST_POINTS])
        if len(crashed) > MOST_POINTS:
            yield f"      and {len(crashed) - MOST_POINTS:,} more"
    if found:
        yield ""
    count = sum(len(outcome.differences) for outcome in outcomes)
    yield f"{count:,} difference{'' if count == 1 else 's'} at {len(outcomes):,} crash point{'' if len(outcomes) == 1 else 's'}"
