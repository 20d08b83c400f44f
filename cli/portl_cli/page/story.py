"""What a page tells, worked out of the run's folder: everything is short, and says how much more there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portl.values import redact
from portl_cli.compile.picture.flow import Flow, Fork, Leaf, groups_of, is_transaction, read_flow, step_of
from portl_cli.page.course import Course, Trouble, Visits
from portl_cli.page.picture import OUTCOMES, outcome
from portl_cli.page.words import count, counts, duration

MOST_CHUNKS, MOST_LINES, MOST_OUTPUT, MOST_PARAM, MOST_DETAILS = 100, 500, 100, 400, 500


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step in the table, and what its records came to. ``depth`` says in how many branches it stands."""

    id: str
    type: str
    depth: int
    records: int
    counts: str


@dataclass(frozen=True, slots=True)
class StateLines:
    """The steps that one state does. ``kind`` is ``step``, ``transaction`` or ``committed`` (moved behind a commit).

    ``begin`` and ``length`` say when it was at work, as parts of the run's time (0 to 1).
    """

    state: str
    kind: str
    outcome: str
    said: str
    took: str
    rate: str
    retried: int
    begin: float
    length: float
    steps: tuple[StepLine, ...]


def state_lines(definition: Mapping[str, Any], course: Course, by_step: Mapping[str, Mapping[str, int]]) -> list[StateLines]:
    """Every state with steps of the job, in the order of the picture."""
    leaves = (leaf for leaf in _leaves(read_flow(definition)) if step_of(leaf.state).get("type") != "dead_letter")
    return [_lines(leaf, course, by_step) for leaf in leaves if _steps(leaf)]


def _leaves(flow: Flow) -> Iterator[Leaf]:
    for part in flow.parts:
        leaf = part.choice if isinstance(part, Fork) else part
        yield leaf
        inner = [way.flow for way in part.ways] if isinstance(part, Fork) else [*leaf.inner]
        for each in [*inner, *(side.flow for side in leaf.sides)]:
            yield from _leaves(each)


def _steps(leaf: Leaf) -> list[tuple[dict[str, Any], int]]:
    """The steps of a state with how deep in branches each stands."""
    if is_transaction(leaf.state):
        return [each for _, steps in groups_of(leaf.state) for step in steps for each in _nested(step, 0)]
    step = step_of(leaf.state)
    return [*_nested(step, 0)] if step else []


def _nested(step: dict[str, Any], depth: int) -> Iterator[tuple[dict[str, Any], int]]:
    yield step, depth
    for branch in ("then", "else"):
        for inner in step.get(branch, ()):
            yield from _nested(inner, depth + 1)


def _lines(leaf: Leaf, course: Course, by_step: Mapping[str, Mapping[str, int]]) -> StateLines:
    visits = course.states.get(leaf.name)
    found = outcome(str(leaf.state["Type"]), visits)
    begin, length = _share(course, visits)
    steps = tuple(_step(step, depth, by_step) for step, depth in _steps(leaf))
    calls = any(step.type in ("api.call", "lambda.invoke") for step in steps)
    kind = "transaction" if is_transaction(leaf.state) else "committed" if leaf.committed and calls else "step"
    wall, records = visits.wall_s if visits else None, max(step.records for step in steps)
    rate = f"{records / wall:,.0f}" if records and wall else ""
    retried = visits.retried if visits else 0
    return StateLines(leaf.name, kind, found, OUTCOMES[found], duration(wall), rate, retried, begin, length, steps)


def _share(course: Course, visits: Visits | None) -> tuple[float, float]:
    if not (visits and visits.first and course.began and course.ended and course.ended > course.began):
        return 0.0, 0.0
    whole = (course.ended - course.began).total_seconds()
    last = visits.last if visits.last and visits.left == visits.entered else course.ended
    return (visits.first - course.began).total_seconds() / whole, (last - visits.first).total_seconds() / whole


def _step(step: Mapping[str, Any], depth: int, by_step: Mapping[str, Mapping[str, int]]) -> StepLine:
    found = by_step.get(str(step["id"]), {})
    return StepLine(str(step["id"]), str(step.get("type", "")), depth, sum(found.values()), counts(found))


@dataclass(frozen=True, slots=True)
class Waits:
    """What one Wait state came to."""

    state: str
    times: int
    total: str


def waits(definition: Mapping[str, Any], course: Course) -> list[Waits]:
    """Every Wait that was reached, in the order of the picture."""
    found = [(leaf, course.states[leaf.name]) for leaf in _leaves(read_flow(definition)) if leaf.name in course.states]
    return [
        Waits(leaf.name, visits.entered, duration(visits.seconds)) for leaf, visits in found if leaf.state["Type"] == "Wait"
    ]


def troubled(course: Course) -> tuple[list[Trouble], int]:
    """The chunks that failed, were retried or waited, failed ones first; and how many more there are."""
    order = sorted(course.troubled.values(), key=lambda each: (not each.failed, -each.retried, each.label, each.chunk or 0))
    return order[:MOST_CHUNKS], max(0, len(order) - MOST_CHUNKS)


def what_happened(trouble: Trouble) -> str:
    """``retried 2 times, waited 14 s``."""
    parts = [
        f"retried {count(trouble.retried, 'time')}" if trouble.retried else "",
        f"waited {count(trouble.waits, 'time')}, {duration(trouble.waited_s)}" if trouble.waits else "",
    ]
    return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log, split for reading."""

    time: str
    level: str
    step: str
    event: str
    details: str


def log_lines(file: Path) -> tuple[list[LogLine], int]:
    """The last lines of a log, and how many came before them."""
    lines, before = tail(file, MOST_LINES)
    return [_log_line(line) for line in lines], before


def tail(file: Path, most: int) -> tuple[list[str], int]:
    """The last lines of a file, and how many came before them; none where there is no file."""
    try:
        found = file.read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    return [line.decode("utf-8", "replace") for line in found[-most:]], max(0, len(found) - most)


def _log_line(line: str) -> LogLine:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return LogLine("", "", "", redact(line)[:MOST_DETAILS], "")
    found = redact(found)
    details = {name: value for name, value in (found.get("details") or {}).items() if value not in (None, "", {}, [])}
    record = {"record": found["idx"] + 1} if isinstance(found.get("idx"), int) else {}
    said = ", ".join(f"{name} {_flat(value)}" for name, value in {**record, **details}.items())
    time = str(found.get("ts", ""))[11:23]
    step, event = str(found.get("step_id", "")), str(found.get("event", ""))
    return LogLine(time, str(found.get("level", "")), step, event[:MOST_DETAILS], said[:MOST_DETAILS])


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parameters(run: Mapping[str, Any], course: Course) -> list[tuple[str, str]]:
    """The run's parameters as text, long ones cut: as they were given, or by their defaults."""
    given = {name: value for name, value in (course.input or {}).items() if not name.startswith("$")}
    return [(name, _flat(redact(value))[:MOST_PARAM]) for name, value in {**run.get("params", {}), **given}.items()]
