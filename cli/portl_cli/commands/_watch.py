"""Follows a run: keeps its history, and shows what begins and ends."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import TextIO

from portl.values import redact
from portl_cli.commands._display import Display
from portl_cli.compile import Compiled, definition_text
from portl_cli.engine import Event
from portl_cli.page import Course

HISTORY = "history.jsonl"


class Watch:
    """Takes the events of a run. ``committed`` says whether a transaction of the whole job has been."""

    def __init__(self, found: Compiled, run_folder: Path, display: Display) -> None:
        # line by line, so that a run that is killed leaves its history; locked, so that others see whether it lives
        self._history: TextIO = (run_folder / HISTORY).open("w", encoding="utf-8", buffering=1)
        fcntl.flock(self._history, fcntl.LOCK_EX)
        self._display = display
        self._committing = {
            name
            for name, state in found.definition["States"].items()
            if state["Type"] == "Task" and "unit" in state["Arguments"]["Payload"]
        }
        self.committed = False
        self.course = Course()
        (run_folder / "machine.asl.json").write_text(definition_text(found.definition), "utf-8")

    def event(self, event: Event) -> None:
        """Takes one event of the history."""
        self._history.write(redact(json.dumps(event, ensure_ascii=False)) + "\n")
        self.course.event(event)
        if event["execution"]:
            return
        kind, ts = str(event["type"]), event["timestamp"]
        if kind.endswith("StateEntered"):
            self._display.event("state_entered", state=event["stateEnteredEventDetails"]["name"], ts=ts)
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            self.committed = self.committed or name in self._committing
            self._display.event("state_exited", state=name, ts=ts)

    def close(self) -> None:
        """Closes the history's file."""
        self._history.close()
