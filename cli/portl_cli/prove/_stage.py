"""Where a job is run again and again for a proof: each run begins with the same database, clock, folder and empty peer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from portl.runs import REPLAYED
from portl_cli.embedded import Peer
from portl_cli.engine import Answer, Execution, FakeClock, Machine, WorkerHost, execute
from portl_cli.prove._database import ProofDatabase, Table
from portl_cli.prove._folder import ProofFolder
from portl_cli.prove._points import Point, Reached

RUN, AGAIN = "run", "run-again"
"""The ids of a run and of the one that follows it with the same run_key."""
BEGINS = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = timedelta(hours=1)
"""When a run begins, and how much later the one that follows it: a request that holds ``now`` is then another one."""
ARMED = "armed.json"


@dataclass(frozen=True, slots=True)
class State:
    """What can be seen from outside after a run: the tables, by connection and name, what the peer received, and the files.

    ``files`` are SHA-256, by ``store:path``.
    """

    tables: Mapping[str, Table]
    calls: Sequence[Mapping[str, Any]]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Heard:
    """What the workers of a run told, see portl_cli.prove._worker. ``sequences`` are those of the transaction under way."""

    reached: list[Reached] = field(default_factory=list)
    tasks: int = 0
    died: bool = False
    settled: bool = False
    sequences: tuple[str, list[tuple[str, int | None, int]]] | None = None

    def begin(self) -> None:
        """A new run begins."""
        self.reached, self.tasks, self.died, self.settled, self.sequences = [], 0, False, False, None

    def message(self, document: Mapping[str, Any]) -> None:
        """Takes what a hook of a worker sent."""
        match document.get("prove"):
            case "task":
                self.tasks += 1
            case "reached":
                self.reached.append(Reached(self.tasks, Point.read(document["point"])))
            case "sequences":
                self.sequences = (document["connection"], [tuple(each) for each in document["values"]])
            case "committed":
                self.sequences = None
            case "dying":
                self.died = True


class Stage:
    """Runs a machine.

    ``host`` has one slot, so that everything happens in order, and tells ``heard`` what its workers send. ``called`` are the
    functions that the job calls: what they keep between invocations, such as a connection, does not outlive a run.
    """

    def __init__(
        self,
        machine: Machine,
        params: Mapping[str, Any],
        host: WorkerHost,
        heard: Heard,
        databases: Mapping[str, ProofDatabase],
        peer: Peer | None,
        folder: Path,
        called: Sequence[str],
        stores: Mapping[str, ProofFolder],
    ) -> None:
        self._machine, self._params, self._host, self._called = machine, dict(params), host, called
        self._databases, self._peer, self._folder, self._stores = databases, peer, folder, stores
        self._earlier_calls = 0
        self.heard = heard

    def reset(self) -> None:
        """Everything is as before the first run."""
        self.disarm()
        self._host.cool_down(self._called)
        for database in set(self._databases.values()):
            database.reset()
        for store in self._stores.values():
            store.reset()
        for name in (RUN, AGAIN):
            shutil.rmtree(self._folder / "runs" / name, ignore_errors=True)
        self._earlier_calls = len(self._peer.calls()) if self._peer else 0

    def arm(self, point: Point) -> None:
        """The next worker that comes to the point dies there."""
        (self._folder / ARMED).write_text(json.dumps(point.document()), "utf-8")

    def disarm(self) -> None:
        """Nobody dies any more."""
        (self._folder / ARMED).unlink(missing_ok=True)

    def run(self, name: str = RUN) -> Execution:
        """Runs the machine to its end."""
        self.heard.begin()
        clock = FakeClock(BEGINS if name == RUN else BEGINS + LATER)
        host = _Settling(self._host, self)
        return execute(self._machine, self._params, name=name, host=host, clock=clock, random=Random(0))  # noqa: S311 - jitter

    def settle(self) -> None:
        """After a worker died: nothing of it is open any more, and numbers that were rolled back are drawn again."""
        name, values = self.heard.sequences or (None, [])
        for each in set(self._databases.values()):
            each.settle(values if name is not None and self._databases[name] is each else None)
        self.heard.sequences = None

    def state(self) -> State:
        """What can be seen now."""
        names = {database: name for name, database in self._databases.items()}
        tables = {
            table if len(names) == 1 else f"{name}: {table}": found
            for database, name in names.items()
            for table, found in database.tables().items()
        }
        files = {f"{name}:{path}": found for name, store in self._stores.items() for path, found in store.files().items()}
        return State(tables, self._peer.calls()[self._earlier_calls :] if self._peer else [], files)

    def replayed(self) -> bool:
        """Whether a unit of the run was answered as before."""
        files = (self._folder / "runs" / RUN / "stats").glob("*/*.json")
        return any(REPLAYED in json.loads(file.read_text("utf-8")) for file in files)

    def error(self, name: str) -> str:
        """What the run says went wrong."""
        files = sorted((self._folder / "runs" / name / "errors").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        if not files:
            return ""
        found = json.loads(files[-1].read_text("utf-8"))
        return f"{found['code']} {found['message']}"


class _Settling:
    """The host, which after a worker's death lets the database come to rest before the engine goes on."""

    slots = 1

    def __init__(self, host: WorkerHost, stage: Stage) -> None:
        self._host, self._stage = host, stage

    def invoke(self, function: str, payload: Any) -> Answer:
        """See FunctionHost."""
        answer = self._host.invoke(function, payload)
        heard = self._stage.heard
        if heard.died and not heard.settled:
            heard.settled = True
            self._stage.settle()
        return answer

    def stop(self) -> None:
        """See FunctionHost."""
        self._host.stop()
