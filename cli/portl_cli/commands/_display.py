"""What a run shows while it runs: bars on a terminal, plain lines in a pipe, events for machines."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from portl.values import redact
from portl_cli.commands._tracker import StepProgress, Tracker, pace

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_EVERY_S = 10.0
"""How often a step that goes on says so in a pipe."""


class Display(Protocol):
    """Where a run shows what happens."""

    def say(self, text: str) -> None:
        """A line for people."""
        ...

    def event(self, name: str, **fields: Any) -> None:
        """Something happened; ``name`` is ``run_started``, ``state_entered``, ``state_exited`` and so on."""
        ...

    def progress(self, told: Mapping[str, Any]) -> None:
        """A Task told how far it is; from any thread."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class PlainDisplay:
    """A line when a state begins, one when a step is through, and one every ten seconds between."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._tracker = Tracker(clock)
        self._told: dict[str, float] = {}

    def say(self, text: str) -> None:
        """See Display."""
        self._stream.write(redact(text) + "\n")
        self._stream.flush()

    def event(self, name: str, **fields: Any) -> None:
        """See Display."""
        if name == "state_entered":
            self._tracker.begin()
            self.say(f"  {fields['state']} …")

    def progress(self, told: Mapping[str, Any]) -> None:
        """See Display."""
        step = self._tracker.take(told)
        last = self._told.setdefault(step.step, step.began)
        if step.ended or self._clock() - last >= PLAIN_EVERY_S:
            self._told[step.step] = self._clock()
            self.say(f"    {step.step}: {pace(step)}")

    def close(self) -> None:
        """See Display."""


class JsonDisplay:
    """One JSON document a line on standard output; lines for people are left out."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._tracker = Tracker(clock)
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """See Display: nothing here."""

    def event(self, name: str, **fields: Any) -> None:
        """See Display."""
        if name == "state_entered":
            self._tracker.begin()
        document = redact({"event": name, **fields})
        with self._lock:
            self._stream.write(json.dumps(document, ensure_ascii=False) + "\n")
            self._stream.flush()

    def progress(self, told: Mapping[str, Any]) -> None:
        """See Display."""
        step = self._tracker.take(told)
        rate = round(step.per_second, 1)
        left = step.left_seconds
        self.event(
            "progress",
            step=step.step,
            done=step.done,
            of=step.of,
            per_second=rate,
            seconds_left=None if left is None else round(left, 1),
        )

    def close(self) -> None:
        """See Display."""


class TerminalDisplay:
    """A bar for every step, with records a second and what is left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._console = Console(stderr=True, highlight=False)
        self._tracker = Tracker()
        self._bars: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        columns = (
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(28),
            TextColumn("{task.fields[pace]}"),
        )
        self._progress: Progress = Progress(*columns, console=self._console)

    def say(self, text: str) -> None:
        """See Display. With the first line the bars begin, and with them a thread: what a run forks is forked before."""
        self._progress.start()
        self._console.print(redact(text), markup=False)

    def event(self, name: str, **_: Any) -> None:
        """See Display."""
        if name == "state_entered":
            self._tracker.begin()

    def progress(self, told: Mapping[str, Any]) -> None:
        """See Display."""
        with self._lock:
            step = self._tracker.take(told)
            if step.step not in self._bars:
                self._bars[step.step] = self._progress.add_task(step.step, total=step.of, pace="")
            self._show(step)

    def _show(self, step: StepProgress) -> None:
        total = step.done if step.ended else step.of
        self._progress.update(self._bars[step.step], completed=step.done, total=total, pace=pace(step))

    def close(self) -> None:
        """Leaves the bars as they are."""
        self._progress.stop()


def display_for(*, as_json: bool) -> Display:
    """Events with ``--json``, bars on a terminal, else plain lines."""
    if as_json:
        return JsonDisplay()
    return TerminalDisplay() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else PlainDisplay()
