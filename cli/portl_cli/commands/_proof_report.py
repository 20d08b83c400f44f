"""What a proof says: what it stands on, a table of crash points, every difference, and the count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from portl_cli.prove import Outcome, Point, Undisturbed

MOST_POINTS, MOST_DIFFERENCES = 5, 20
"""How many crash points are named that led to the same differences, and how many of those are shown."""
_Row = tuple[str, ...]


def beginning(job: str, calm: Undisturbed, taken: int, unused: Sequence[str], *, rerun: bool) -> Iterator[str]:
    """What is compared with what."""
    yield f"proof of {job}, on a database and a peer of its own"
    if unused:
        yield f"  {', '.join(unused)} of the environment {'is' if len(unused) == 1 else 'are'} set and not used"
    second = "the engine's Retry, then a second run with the same run_key" if rerun else "the engine's Retry; it has no run_key"
    yield f"  after each crash: {second}"
    if taken < len(calm.points):
        yield f"  {taken:,} of its {len(calm.points):,} crash points, evenly spread"
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


def ending(outcomes: Sequence[Outcome], *, verbose: bool) -> Iterator[str]:
    """Every difference once, under the points that led to it; then the count."""
    yield ""
    for points, texts in _by_points(outcomes).items():
        named = points if verbose else points[:MOST_POINTS]
        more = f"; and {len(points) - len(named):,} more" if len(points) > len(named) else ""
        yield f"  {'; '.join(map(str, named))}{more}:"
        shown = texts if verbose else texts[:MOST_DIFFERENCES]
        yield from (f"      {text}" for text in shown)
        if len(texts) > len(shown):
            yield f"      and {len(texts) - len(shown):,} more, which --verbose shows"
        yield ""
    count = sum(len(outcome.differences) for outcome in outcomes)
    yield f"{count:,} difference{'' if count == 1 else 's'} at {len(outcomes):,} crash point{'' if len(outcomes) == 1 else 's'}"


def _by_points(outcomes: Sequence[Outcome]) -> dict[tuple[Point, ...], list[str]]:
    """The differences that the same crash points led to, together."""
    points: dict[str, list[Point]] = {}
    for outcome in outcomes:
        for text in dict.fromkeys(map(str, outcome.differences)):
            points.setdefault(text, []).append(outcome.point)
    found: dict[tuple[Point, ...], list[str]] = {}
    for text, led in points.items():
        found.setdefault(tuple(led), []).append(text)
    return found
