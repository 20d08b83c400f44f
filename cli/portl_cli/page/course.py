"""What happened state by state, added up event by event: a run of 10,000 chunks has a history too long to read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

WAIT_ASKED = "RetryAfter"
"""The error of a Task that asks to come back later: it is caught by a Wait, and no failure."""
_ENDED = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_FAILED = ("Failed", "TimedOut")


@dataclass(slots=True)
class Visits:
    """All visits of one state. ``seconds`` adds them up; ``first`` and ``last`` are when the first began and the last ended.

    ``left`` counts visits that ended, ``tasks`` attempts, ``failed`` those that failed, ``asked`` those that asked to wait.
    """

    entered: int = 0
    left: int = 0
    tasks: int = 0
    failed: int = 0
    asked: int = 0
    children: int = 0
    seconds: float = 0.0
    first: datetime | None = None
    last: datetime | None = None
    error: str = ""

    @property
    def retried(self) -> int:
        """Attempts made again inside a visit."""
        return max(0, self.tasks - self.entered)

    @property
    def wall_s(self) -> float | None:
        """Seconds from the first visit's beginning to the last one's end, as far as there was one."""
        return (self.last - self.first).total_seconds() if self.first and self.last else None


@dataclass(slots=True)
class Trouble:
    """A chunk that did not go through at once: its number, and what happened to it."""

    label: str
    chunk: int | None
    retried: int = 0
    waits: int = 0
    waited_s: float = 0.0
    failed: bool = False
    error: str = ""


@dataclass(slots=True)
class _Visit:
    state: str
    kind: str
    began: datetime
    tasks: int = 0
    left: bool = False


@dataclass(slots=True)
class Course:
    """Takes every event of a run's history, in order. ``states`` has the visits by state, ``troubled`` the chunks by child."""

    states: dict[str, Visits] = field(default_factory=dict)
    troubled: dict[str, Trouble] = field(default_factory=dict)
    began: datetime | None = None
    ended: datetime | None = None
    children: int = 0
    transitions: int = 0
    input: dict[str, Any] = field(default_factory=dict)
    _open: dict[str, dict[int, _Visit]] = field(default_factory=dict)
    _doing: dict[tuple[str, str], _Visit] = field(default_factory=dict)

    @classmethod
    def read(cls, history: Path) -> Self:
        """The course of a history that was kept; a last line cut short, by a kill, does not count."""
        course = cls()
        with history.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.endswith("}\n"):
                    course.event(json.loads(line))
        return course

    def event(self, event: Mapping[str, Any]) -> None:
        """Takes one event."""
        now = datetime.fromisoformat(event["timestamp"])
        self.began = self.began or now
        self.ended = now
        kind, child = str(event["type"]), str(event["execution"])
        visits = self._open.setdefault(child, {})
        if kind.endswith("StateEntered"):
            visits[event["id"]] = self._enter(child, event["stateEnteredEventDetails"]["name"], kind, now)
        elif kind == "ExecutionStarted" and not child:
            self.input = json.loads(event["executionStartedEventDetails"]["input"])
        elif kind in _ENDED:
            self._end(child, kind, event, now)
        else:
            visit = visits.get(event["previousEventId"])
            if kind.endswith("StateExited"):
                visit = self._exit(child, event["stateExitedEventDetails"]["name"], visit, now)
            elif visit is not None:
                self._inside(child, kind, visit, event)
            if visit is not None:
                visits[event["id"]] = visit

    def _enter(self, child: str, state: str, kind: str, now: datetime) -> _Visit:
        visits = self.states.setdefault(state, Visits())
        visits.entered += 1
        visits.first = visits.first or now
        self.transitions += 1
        visit = _Visit(state, kind.removesuffix("StateEntered"), now)
        self._doing[child, state] = visit
        return visit

    def _exit(self, child: str, state: str, visit: _Visit | None, now: datetime) -> _Visit | None:
        """The visit may be an older one of the same state where paths run side by side: their sum is the same."""
        if visit is None or visit.state != state:
            visit = self._doing.get((child, state))
        if visit is None:
            return None
        self.states[state].left += 1
        self.states[state].last = now
        self._spend(child, visit, now)
        return visit

    def _spend(self, child: str, visit: _Visit, now: datetime) -> None:
        visit.left = True
        seconds = (now - visit.began).total_seconds()
        self.states[visit.state].seconds += seconds
        if visit.kind == "Wait" and child:
            trouble = self._trouble(child)
            trouble.waits += 1
            trouble.waited_s += seconds

    def _inside(self, child: str, kind: str, visit: _Visit, event: Mapping[str, Any]) -> None:
        visits = self.states[visit.state]
        if kind == "TaskScheduled":
            visit.tasks += 1
            visits.tasks += 1
            if visit.tasks > 1:
                self.transitions += 1
                if child:
                    self._trouble(child).retried += 1
        elif kind == "MapStateStarted":
            visits.children += int(event["mapStateStartedEventDetails"]["length"])
        elif kind.endswith(_FAILED):
            self._fail(child, kind, visit, event)

    def _fail(self, child: str, kind: str, visit: _Visit, event: Mapping[str, Any]) -> None:
        visits = self.states[visit.state]
        error, cause = _told(event)
        if error == WAIT_ASKED:
            visits.asked += 1
            return
        visits.failed += 1
        visits.last = datetime.fromisoformat(event["timestamp"])
        visits.error = ": ".join(part for part in (error or kind, cause) if part)
        if child:
            self._trouble(child).error = visits.error

    def _end(self, child: str, kind: str, event: Mapping[str, Any], now: datetime) -> None:
        for visit in self._open.pop(child).values():
            self._doing.pop((child, visit.state), None)
            if not visit.left:
                self._spend(child, visit, now)
        if not child:
            return
        self.children += 1
        if kind in ("ExecutionFailed", "ExecutionTimedOut"):
            trouble = self._trouble(child)
            trouble.failed = True
            trouble.error = trouble.error or ": ".join(part for part in _told(event) if part)

    def _trouble(self, child: str) -> Trouble:
        label, _, number = child.rpartition("/")[2].partition(":")
        return self.troubled.setdefault(child, Trouble(label, int(number) if number.isdecimal() else None))


def _told(event: Mapping[str, Any]) -> tuple[str, str]:
    """The error's name and its cause: what a function raised says its message inside JSON."""
    details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    cause = str(details.get("cause") or "")
    if cause.startswith("{"):
        try:
            cause = str(json.loads(cause).get("errorMessage", cause))
        except ValueError:
            return str(details.get("error") or ""), cause
    return str(details.get("error") or ""), cause
