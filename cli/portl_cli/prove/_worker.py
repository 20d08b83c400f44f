"""The effects of a worker that dies where it is told to: those of every run, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from portl.connections import Connections
from portl.runs import (
    Begin,
    Executor,
    FileIntent,
    Intent,
    Invocation,
    KeepRecords,
    LiveEffects,
    Lot,
    Noted,
    Pace,
    Pages,
    Prepared,
    ReadRecords,
    Request,
    Run,
    RunFolder,
    Staged,
    Unit,
    WriteFile,
    use_effects,
)
from portl.values import Unknown
from portl_cli.engine import Link
from portl_cli.prove._points import REPLY, Point, Side

KINDS: dict[type[Intent], str] = {
    Request: "request",
    Pages: "pages",
    Invocation: "invocation",
    ReadRecords: "read",
    KeepRecords: "keep",
    WriteFile: "write",
}
"""The intents that are one effect each, as those of files, which say themselves of what kind they are.

Of a database step every statement on the connection is one, see WatchedDatabase.
"""

SEQUENCES = """SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value, start_value FROM pg_sequences
ORDER BY 1"""


def install(link: Link, given: Mapping[str, Any]) -> None:
    """See portl_cli.engine.Hook. ``given`` is ``{"armed": file}``: while the file is there, it holds the point to die at."""
    use_effects(WatchedEffects(Watch(link, Path(given["armed"]))))


class Watch:
    """Follows a worker through its Tasks, tells the host of each point, and ends the process at the one that is armed."""

    def __init__(self, link: Link, armed: Path) -> None:
        self._link, self._file = link, armed
        self._lock = threading.Lock()
        self.begin_task()

    def begin_task(self) -> None:
        """A new Task begins in this process."""
        self._armed = _armed(self._file)
        self._counts: Counter[tuple[Any, ...]] = Counter()
        self._records: set[int] = set()
        self._name = ""
        self._begin: Begin | None = None
        self._now: tuple[str, int | None] | None = None
        self._link.send({"prove": "task"})

    def noted(self, step_id: str, record: int | None) -> None:
        """An intent of this step and record is about to be done."""
        with self._lock:
            self._name = self._name or step_id
            self._records |= set() if record is None else {record}

    @contextmanager
    def unit(self, begin: Begin) -> Iterator[None]:
        """What is done inside belongs to this unit."""
        self._begin, self._name = begin, begin.unit
        yield

    @contextmanager
    def inside(self, step_id: str, record: int | None) -> Iterator[None]:
        """Statements inside are this step's."""
        self._now = (step_id, record)
        yield
        self._now = None

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Before and after a statement: a step's, or one of the transaction's own."""
        step, record = self._now or (self._name, None)
        with self.around("statement" if self._now else "own statement", step, record):
            yield

    @contextmanager
    def around(self, kind: str, step_id: str, record: int | None) -> Iterator[None]:
        """Before and after an effect; one that failed has no after."""
        self.at(kind, "before", step_id, record)
        yield
        self.at(kind, "after", step_id, record)

    def boundary(self, kind: str, side: Side) -> None:
        """A side of the unit's BEGIN or COMMIT."""
        self.at(kind, side, self._name, None)

    def reply(self) -> None:
        """The Task's work is done. A Task without any intent had no effect, and no point."""
        if self._name:
            alone = self._begin is not None or not self._records
            self.at(REPLY, "before", self._name, None if alone else min(self._records))

    def tell(self, what: str, **more: Any) -> None:
        """Tells the host."""
        self._link.send({"prove": what, **more})

    def at(self, kind: str, side: Side, step_id: str, record: int | None) -> None:
        """A point is reached; the process may end here."""
        with self._lock:
            chunk = self._begin.chunk if self._begin else None
            place = (step_id, record, chunk, kind, side)
            self._counts[place] += 1
            point = Point(step_id, record, chunk, kind, self._counts[place], side)
            self.tell("reached", point=point.document())
            if point == self._armed:
                self._file.unlink()  # once: the attempt that follows goes through
                self.tell("dying")
                os.kill(os.getpid(), signal.SIGKILL)


def _armed(file: Path) -> Point | None:
    try:
        return Point.read(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return None


class WatchedEffects(LiveEffects):
    """The effects of a run, watched."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def connections(self, specs: Mapping[str, Mapping[str, Any]]) -> Connections:
        """See Effects."""
        self._watch.begin_task()
        return WatchedConnections(specs, self._watch)

    def executor(self, folder: RunFolder, run: Run, connections: Connections, chunk_size: int) -> Executor:
        """See Effects."""
        return WatchedExecutor(super().executor(folder, run, connections, chunk_size), self._watch)


class WatchedConnections(Connections):
    """A Task's connections: its databases are watched, and their end is the end of the Task's work."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]], watch: Watch) -> None:
        super().__init__(specs)
        self._watch = watch
        self._watched: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """See Connections."""
        if name not in self._watched:
            found = super().get(name)
            self._watched[name] = WatchedDatabase(found, self._watch) if hasattr(found, "transaction") else found
        return self._watched[name]

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        super().__exit__(kind, problem, trace)
        if kind is None:
            self._watch.reply()


class WatchedDatabase:
    """A database connection as a Task uses it: each statement, BEGIN and COMMIT has a point on both sides."""

    def __init__(self, real: Any, watch: Watch) -> None:
        self._real, self._watch = real, watch

    def execute(self, sql: str, params: Sequence[Any] = (), *, columns: Sequence[str | None] = ()) -> Any:
        """See PostgresConnection."""
        with self._watch.statement():
            return self._real.execute(sql, params, columns=columns)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See PostgresConnection. Where the sequences stand is told first, so that a rollback can leave no gap."""
        self._watch.tell("sequences", connection=self._real.name, values=self._real.execute(SEQUENCES).rows)
        self._watch.boundary("begin", "before")
        with self._real.transaction():
            self._watch.boundary("begin", "after")
            yield
            self._watch.boundary("commit", "before")
        self._watch.tell("committed")
        self._watch.boundary("commit", "after")

    def limit(self, *, statement_s: float, idle_s: float | None) -> None:
        """See PostgresConnection."""
        with self._watch.statement():
            self._real.limit(statement_s=statement_s, idle_s=idle_s)

    def copy(self, sql: str, records: Iterable[Sequence[Any]]) -> None:
        """See PostgresConnection."""
        with self._watch.statement():
            self._real.copy(sql, records)

    def savepoint(self) -> AbstractContextManager[None]:
        """See PostgresConnection; it makes no effect by itself."""
        return self._real.savepoint()  # type: ignore[no-any-return]

    def table(self, name: str) -> Any:
        """See PostgresConnection; a look into the catalogue is no effect."""
        return self._real.table(name)

    def reader(self, table: str, column: str) -> Callable[[str], Any]:
        """See PostgresConnection."""
        return self._real.reader(table, column)  # type: ignore[no-any-return]


class WatchedExecutor:
    """The executor of a run, watched. See portl.runs.Executor."""

    def __init__(self, real: Executor, watch: Watch) -> None:
        self._real, self._watch = real, watch

    def admits(self, decision: bool | Unknown, *, step_id: str, record: int | None) -> bool:
        """See Executor."""
        return self._real.admits(decision, step_id=step_id, record=record)

    def way(self, branch: Any, *, step_id: str) -> str:
        """See Executor."""
        return self._real.way(branch, step_id=step_id)

    def pace(self, step_id: str, chunk: int | None, rate: Mapping[str, Any]) -> Pace | None:
        """See Executor."""
        return self._real.pace(step_id, chunk, rate)

    def note(self, intent: Noted, *, step_id: str, record: int | None) -> None:
        """See Executor."""
        self._watch.noted(step_id, record)
        self._real.note(intent, step_id=step_id, record=record)

    def described(self, intent: Noted, *, step_id: str, record: int | None) -> dict[str, Any]:
        """See Executor."""
        return self._real.described(intent, step_id=step_id, record=record)

    def apart(self, connection: str) -> AbstractContextManager[None]:
        """See Executor."""
        return self._real.apart(connection)

    def knows(self, begin: Begin) -> bool:
        """See Executor."""
        return self._real.knows(begin)

    def stage(self, connection: str, lot: Lot) -> None:
        """See Executor. Its statements are points of the stage."""
        self._watch.noted(lot.unit, None)
        self._real.stage(connection, lot)

    def staged(self, begin: Begin) -> Staged:
        """See Executor."""
        return self._real.staged(begin)

    def do(self, prepared: Prepared, intent: Intent, *, step_id: str, record: int | None) -> Any:
        """See Executor."""
        kind = intent.told()[0] if isinstance(intent, FileIntent) else KINDS.get(type(intent))
        with self._watch.around(kind, step_id, record) if kind else self._watch.inside(step_id, record):
            return self._real.do(prepared, kept_here(intent), step_id=step_id, record=record)

    @contextmanager
    def transaction(self, begin: Begin, seconds: float) -> Iterator[Unit]:
        """See Executor."""
        with self._watch.unit(begin), self._real.transaction(begin, seconds) as unit:
            yield unit


def kept_here(intent: Intent) -> Intent:
    """The intent; a request for a whole address becomes one for a path of the peer, which no proof may leave."""
    if not isinstance(intent, Request) or not isinstance(intent.url, str):
        return intent
    parts = urlsplit(intent.url)
    if parts.scheme.lower() not in ("http", "https"):
        return intent
    return replace(intent, url=f"/{parts.netloc}{parts._replace(scheme='', netloc='').geturl()}")
