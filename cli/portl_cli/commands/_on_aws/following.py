"""Follows an execution to its end: its history as it grows, and how far its Map Runs are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portl_cli.commands._display import Display
from portl_cli.commands._on_aws.account import told
from portl_cli.commands._on_aws.history import ENDINGS, History, children_of, label_of
from portl_cli.commands._watch import Watch
from portl_cli.engine import Event, Execution

FIRST_PAUSE_S, LONGEST_PAUSE_S, SLOWER = 1.0, 5.0, 1.3
"""Seconds between two looks: short runs are told of at once, long ones ask for no more than AWS likes to answer."""
_OVER = ("MapRunSucceeded", "MapRunFailed", "MapRunAborted")


@dataclass(slots=True)
class Follower:
    """Hands what happens to the run's watch and display. ``pause`` waits so many seconds."""

    states: Any
    arn: str
    watch: Watch
    display: Display
    pause: Callable[[float], None]
    _open: dict[str, None] = field(default_factory=dict)
    _unread: float = 0.0
    _last: Event = field(default_factory=dict)

    def follow(self) -> Execution:
        """Answers how it ended; comes back only then.

        Raises:
            SetupError: V160 to V169, AWS does not answer any more; the execution goes on all the same.
        """
        history, pause = History(self.states, self.arn), FIRST_PAUSE_S
        while True:
            for event in history.new():
                self._take(event)
            for map_run in self._open:
                self._tell(map_run)
            if self._last.get("type") in ENDINGS:
                return self._ended()
            self.pause(pause)
            pause = min(pause * SLOWER, LONGEST_PAUSE_S)

    def _take(self, event: Event) -> None:
        kind = str(event["type"])
        if kind in ("MapRunStarted", "MapRunRedriven"):
            self._open[event[f"{kind[0].lower()}{kind[1:]}EventDetails"]["mapRunArn"]] = None
        elif kind in _OVER or kind in ENDINGS:
            for map_run in [*self._open]:  # events do not name the Map Run they end; one is open at a time
                self._close(map_run)
        self._last = event
        self.watch.event(event)

    def _close(self, map_run: str) -> None:
        self._tell(map_run)
        del self._open[map_run]
        before = self.watch.course.transitions
        children = children_of(self.states, map_run)
        for event in children.events:
            self.watch.event(event)
        if children.read:
            own = self.watch.course.transitions - before
            self._unread += own / children.read * (children.count - children.read)
            self.watch.course.children += children.count - children.read

    def _tell(self, map_run: str) -> None:
        """A Map's progress is that of its chunks: only a function knows how far it is inside one."""
        with told("states:DescribeMapRun"):
            counts: Mapping[str, int] = self.states.describe_map_run(mapRunArn=map_run)["itemCounts"]
        done = counts["succeeded"] + counts["failed"] + counts["timedOut"] + counts["aborted"]
        told_of = {"step": f"{label_of(map_run)}, chunks", "chunk": None, "done": done, "of": counts["total"]}
        self.display.progress({**told_of, "ended": done >= counts["total"]})

    def _ended(self) -> Execution:
        kind = str(self._last["type"])
        details = self._last.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
        transitions = self.watch.course.transitions + round(self._unread)
        return Execution(ENDINGS[kind], details.get("output"), details.get("error"), details.get("cause"), [], transitions)
