"""The effects of a plan: every intent is noted and none performed. Files are read, and the columns of tables at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from portl.connections import Connections
from portl.errors import MissingVariable
from portl.runs import (
    Begin,
    Commit,
    CsvFiles,
    Decide,
    Executor,
    FileIntent,
    Intent,
    KeepRecords,
    Ledger,
    ListFiles,
    Lot,
    Noted,
    Pages,
    Prepared,
    ReadRecords,
    Request,
    Rows,
    RowsWriter,
    Run,
    RunFolder,
    Statement,
    Unit,
    document,
    earlier_unit,
    outgoing_of,
    switched_on,
    with_key,
)
from portl.stores import Store, open_store
from portl.values import Unknown, revived, to_json
from portl_cli.plan._catalog import Catalogs, PlanConnections, Unseen
from portl_cli.plan._files import PlannedFiles
from portl_cli.plan._notes import Notes
from portl_cli.plan._staged import PlannedStage


class PlanFolder(RunFolder):
    """A run's folder in which values may be unknown; what it does not have is looked for among the ``runs`` there were."""

    def __init__(self, store: Store, run_id: str, runs: Store) -> None:
        super().__init__(store, run_id)
        self._runs = RunFolder(runs, run_id)

    def _load(self, content: bytes) -> Any:
        return json.loads(content, object_hook=revived)

    def _elsewhere(self, name: str) -> bool:
        return name.startswith("/") and not super().exists(name)

    def read(self, name: str) -> Any:
        """See RunFolder."""
        return self._runs.read(name) if self._elsewhere(name) else super().read(name)

    def read_lines(self, name: str) -> list[Any]:
        """See RunFolder."""
        return self._runs.read_lines(name) if self._elsewhere(name) else super().read_lines(name)

    def digest(self, name: str) -> str:
        """See RunFolder."""
        return self._runs.digest(name) if self._elsewhere(name) else super().digest(name)

    def exists(self, name: str) -> bool:
        """See RunFolder."""
        return self._runs.exists(name) if self._elsewhere(name) else super().exists(name)


@dataclass(frozen=True, slots=True)
class PlannedRun(Run):
    """A run that has not begun: its id, its start and, without ``run_key``, its keys are not known."""

    keyed: bool = True

    @property
    def scope(self) -> dict[str, Any]:
        """See Run."""
        run = {"id": Unknown.named("run.id"), "job": self.job, "started_at": Unknown.named("run.started_at")}
        if self.origin is not None:
            return {"params": self.params, "run": {**run, "started_at": self.started_at}, "now": self.now}
        return {"params": self.params, "run": run, "now": Unknown.named("now")}

    def idempotency_key(self, step_id: str, record: int | None) -> str | Unknown:
        """See Run."""
        if self.keyed:
            return Run.idempotency_key(self, step_id, record)
        return Unknown.named(f"key of run.id, {step_id}" + ("" if record is None else f", {record}"))


class PlanEffects:
    """See portl.runs.Effects."""

    def __init__(self, root: str, runs: str, notes: Notes, catalogs: Catalogs, *, keyed: bool) -> None:
        self._root, self._runs, self._notes, self._catalogs, self._keyed = root, runs, notes, catalogs, keyed

    def folder(self, run_id: str) -> RunFolder:
        """A folder that goes with the plan."""
        return PlanFolder(open_store(self._root), run_id, open_store(self._runs))

    def run(self, run: Run) -> Run:
        """The run before it begins."""
        return PlannedRun(run.id, run.job, run.started_at, run.params, run.key, run.origin, self._keyed)

    def connections(self, specs: Mapping[str, Mapping[str, Any]]) -> Connections:
        """Connections that can be looked at only."""
        return PlanConnections(specs, self._catalogs, self._notes.made)

    def executor(self, folder: RunFolder, run: Run, connections: Connections, chunk_size: int) -> Executor:
        """An executor that takes notes."""
        return NotingExecutor(self._notes, folder, run, connections, chunk_size)


class NotingExecutor:
    """See portl.runs.Executor. What a call would answer is the step's ``sample``, or unknown."""

    def __init__(self, notes: Notes, folder: RunFolder, run: Run, connections: Connections, chunk_size: int) -> None:
        self._notes, self._folder, self._run, self._connections = notes, folder, run, connections
        self._chunk_size = chunk_size

    def admits(self, decision: bool | Unknown, *, step_id: str, record: int | None) -> bool:
        """A record goes in unless it is known to stay out."""
        if decision is not True:
            self._notes.add({"step": step_id, "record": record, "kind": "when", "admits": to_json(decision)})
        return bool(decision)

    def way(self, branch: Any, *, step_id: str) -> str:
        """A branch that only the run can tell is gone through both ways, one after the other."""
        return self._notes.way(step_id) if isinstance(branch, Unknown) else str(branch)

    def pace(self, step_id: str, chunk: int | None, rate: Mapping[str, Any]) -> None:
        """See portl.runs.Executor. Nothing goes out that would have to wait."""

    def note(self, intent: Noted, *, step_id: str, record: int | None) -> None:
        """Takes the note."""
        self._notes.add(self.described(intent, step_id=step_id, record=record))

    def described(self, intent: Noted, *, step_id: str, record: int | None) -> dict[str, Any]:
        """See Executor."""
        request = None
        asks = intent.first if isinstance(intent, Pages) else intent
        if isinstance(asks, Request):
            request = outgoing_of(asks, self._connections, self._run.idempotency_key(step_id, record))
        elif isinstance(intent, Statement):
            intent = with_key(intent, lambda: self._run.idempotency_key(step_id, record))
        if isinstance(intent, FileIntent):
            intent = self._files(step_id).expanded(intent)
        found: dict[str, Any] = to_json(document(intent, step=step_id, record=record, outgoing=request))
        return found

    def apart(self, connection: str) -> AbstractContextManager[None]:  # noqa: ARG002 - see Executor
        """See Executor. Nothing is done that could be taken back."""
        return nullcontext()

    @contextmanager
    def transaction(self, begin: Begin, seconds: float) -> Iterator[Unit]:  # noqa: ARG002 - see Executor
        """Notes beginning and end. Work that the ledger knows is answered as it was."""
        self.note(begin, step_id=begin.unit, record=None)
        earlier = self._earlier(begin) if begin.work and switched_on() else None
        try:
            yield earlier or Unit(self._folder, "", done=False)
        finally:  # a record that a replay keeps aside ends its transaction too: what follows is outside of it
            self.note(Commit(begin.connection, begin.unit), step_id=begin.unit, record=None)

    def knows(self, begin: Begin) -> bool:
        """See portl.runs.Executor."""
        database = self._connections.get(begin.connection)
        if isinstance(database, Unseen) or not switched_on():
            return False
        return Ledger(database, self._run, begin.unit, begin.chunk).earlier() is not None

    def stage(self, connection: str, lot: Lot) -> None:  # noqa: ARG002 - see portl.runs.Executor
        """Remembers what would be staged."""
        PlannedStage(self._notes, self._folder).put(lot)

    def staged(self, begin: Begin) -> PlannedStage:  # noqa: ARG002 - see portl.runs.Executor
        """See portl.runs.Executor."""
        return PlannedStage(self._notes, self._folder)

    def _earlier(self, begin: Begin) -> Unit | None:
        """The unit's first answer. Of the work only the steps can be compared: a plan has not all of the records."""
        database = self._connections.get(begin.connection)
        row = Ledger(database, self._run, begin.unit, begin.chunk).earlier() if not isinstance(database, Unseen) else None
        if row is None:
            return None
        work, at, run = row
        if work.partition(":")[0] != str(begin.work).partition(":")[0]:
            if begin.again is not None and begin.again.repeatable:
                return None
            raise Ledger(database, self._run, begin.unit, begin.chunk).other_work(run)
        self._notes.add({"step": begin.unit, "record": None, "kind": "known", "run": run})
        return earlier_unit(self._folder, at)

    def do(self, prepared: Prepared, intent: Intent, *, step_id: str, record: int | None) -> Any:
        """What stands for the result."""
        if isinstance(intent, FileIntent):
            return self._on_files(prepared, intent, step_id, record)
        match intent:
            case Decide():
                name = Unknown.named(f"{self._notes.name(step_id, record)}.branch")
                return prepared.result(name if isinstance(intent.branch, Unknown) else intent.branch)
            case ReadRecords() if not isinstance(intent.path, Unknown):
                return self._read(prepared, intent, step_id)
            case KeepRecords():
                more = isinstance(intent.records, Unknown)
                rows, total = self._keep(((0, each, "") for each in intent.records), step_id, more=more)
                return {**prepared.result(rows), "count": total}
            case Statement() | ReadRecords() | Pages() if _lists(intent, record):
                return self._listed(step_id)
        return self._notes.result(step_id, record)

    def _on_files(self, prepared: Prepared, intent: FileIntent, step_id: str, record: int | None) -> Any:
        files = self._files(step_id)
        if not isinstance(intent, ListFiles):
            return files.do(intent, record)
        if isinstance(intent.path, Unknown):
            return self._listed(step_id)
        try:
            rows, total = self._keep(((0, each, "") for each in files.listed(intent)), step_id)
        except MissingVariable:
            return self._listed(step_id)
        return {**prepared.result(rows), "count": total}

    def _files(self, step_id: str) -> PlannedFiles:
        return PlannedFiles(self._notes, self._connections, self._folder, self._run, step_id)

    def _read(self, prepared: Prepared, intent: ReadRecords, step_id: str) -> Any:
        """The files are read to their end and checked as in a run; the first records are kept."""
        try:
            files = CsvFiles(intent, self._connections)
        except MissingVariable:
            return self._listed(step_id)
        names = files.addresses
        one = names[0] if len(names) == 1 else ""
        found = ((each.line, each.record, "" if one else names[each.file]) for each in files.records())
        rows, total = self._keep(found, step_id, one)
        return {**prepared.result((rows, files.columns)), "count": total}

    def _listed(self, step_id: str) -> Any:
        """Rows that only a call would give: those of the step's sample, else one that is unknown."""
        result = self._notes.result(step_id, None)
        given = result["rows"]
        rows, _ = self._keep(((0, each, "") for each in given), step_id, more=isinstance(given, Unknown))
        more = result if isinstance(result, dict) else {name: result[name] for name in ("count", "columns", "pages")}
        return {**more, "rows": {"$rows": rows.to_json()}}

    def _keep(
        self, records: Iterator[tuple[int, Any, str]], step_id: str, file: str = "", *, more: bool = False
    ) -> tuple[Rows, int | Unknown]:
        """The first records as rows, and how many there are; ``more`` when only a call would tell."""
        writer = RowsWriter(self._folder, f"results/{step_id}.rows", self._chunk_size, file)
        total = 0
        for line, record, name in records:
            total += 1
            if total <= self._notes.size:
                writer.add(record, line, name)
        rows = writer.close()
        self._notes.counts[step_id] = -1 if more else total
        if more or total > rows.count:
            rows = replace(rows, begins=f"{self._notes.name(step_id, None)}.rows", of="" if more else total)
        return rows, Unknown.named(f"{self._notes.name(step_id, None)}.count") if more else total


def _lists(intent: Statement | ReadRecords | Pages, record: int | None) -> bool:
    """Whether the answer would be rows of the run, for a batch to go over."""
    return isinstance(intent, ReadRecords | Pages) or (intent.answer == "many" and record is None)
