"""The history of an execution on AWS, in the form that a run of this machine writes.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal

from portl_cli.commands._on_aws.account import error_code, told
from portl_cli.engine import Event

PAGE = 1000
AT_ONCE = 8
MOST_CHILDREN = 200
"""Children of one Map Run whose history is read: each is a call, and AWS allows some 20 a second."""
Status = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
ENDINGS: dict[str, Status] = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
"""The last event of an execution, and the status it says."""


@dataclass(slots=True)
class History:
    """Reads the history of one execution as it grows. ``execution`` is whose the events are, "" for the run's own."""

    states: Any
    arn: str
    execution: str = ""
    last: int = 0
    _token: str | None = None

    def new(self) -> Iterator[Event]:
        """The events since the last time."""
        while True:
            page = self._page()
            for event in page["events"]:
                if event["id"] > self.last:
                    self.last = event["id"]
                    yield _local(event, self.execution)
            if not page.get("nextToken"):
                return
            self._token = page["nextToken"]

    def _page(self) -> Any:
        """The page that was the last one may have grown since; a token that is a day old is taken no more."""
        from botocore.exceptions import ClientError

        given = {"nextToken": self._token} if self._token else {}
        with told("states:GetExecutionHistory"):
            try:
                return self.states.get_execution_history(executionArn=self.arn, maxResults=PAGE, **given)
            except ClientError as problem:
                if error_code(problem) != "InvalidToken":
                    raise
                self._token = None
                return self.states.get_execution_history(executionArn=self.arn, maxResults=PAGE)


@dataclass(frozen=True, slots=True)
class Children:
    """What is known of the children of a Map Run: how many there were, how many were read, their events in order."""

    count: int
    read: int
    events: list[Event]


def children_of(states: Any, map_run: str) -> Children:
    """The histories of a Map Run's children, of many only some: those that failed are read first."""
    arns: dict[str, None] = {}
    for status in ("FAILED", "TIMED_OUT", "ABORTED", None):
        if len(arns) < MOST_CHILDREN:
            arns |= dict.fromkeys(_children(states, map_run, status))
    with told("states:DescribeMapRun"):
        count = int(states.describe_map_run(mapRunArn=map_run)["itemCounts"]["total"])
    some = [*arns][:MOST_CHILDREN]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        read = [*pool.map(lambda arn: _child(states, map_run, arn), some)]
    events = sorted((event for each in read for event in each), key=lambda event: str(event["timestamp"]))
    return Children(max(count, len(some)), len(some), events)


def _children(states: Any, map_run: str, status: str | None) -> Iterator[str]:
    given = {"statusFilter": status} if status else {}
    with told("states:ListExecutions"):
        found = states.list_executions(mapRunArn=map_run, maxResults=MOST_CHILDREN, **given)
    yield from (each["executionArn"] for each in found["executions"])


def _child(states: Any, map_run: str, arn: str) -> list[Event]:
    """A child is named after its Map and its chunk, as a run of this machine names it."""
    events = [*History(states, arn).new()]
    started: dict[str, Any] = next(
        (each["executionStartedEventDetails"] for each in events if "executionStartedEventDetails" in each), {}
    )
    chunk = json.loads(started.get("input") or "{}").get("chunk", arn.rpartition(":")[2])
    return [{**event, "execution": f"{label_of(map_run)}:{chunk}"} for event in events]


def label_of(map_run: str) -> str:
    """The label of a Map: ``enrich`` of ``arn:…:mapRun:<machine>/enrich:<id>``."""
    return map_run.rpartition("/")[2].partition(":")[0]


def _local(event: Any, execution: str) -> Event:
    """The time as text, so that it can be written down, and whose event it is."""
    moment = event["timestamp"].astimezone(UTC).isoformat(timespec="milliseconds")
    return {**event, "timestamp": moment, "execution": execution}
