"""The effects of a plan: every intent is noted and none performed. Files are read, and the columns of tables at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from portl.connections import Connections
from portl.runs import (
    Begin,
    Commit,
    Decide,
    Executor,
    Intent,
    KeepRecords,
    Noted,
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
    outgoing_of,
    read_records,
    with_key,
)
from portl.stores import open_store
from portl.values import Unknown, revived, to_json
from portl_cli.plan._catalog import Catalogs, PlanConnections
from portl_cli.plan._notes import Notes


class PlanFolder(RunFolder):
    """A run's folder in which values may be unknown."""

    def _load(self, content: bytes) -> Any:
        return json.loads(content, object_hook=revived)


@dataclass(frozen=True, slots=True)
class PlannedRun(Run):
    """A run that has not begun: its id, its start and, without ``run_key``, its keys are not known."""

    keyed: bool = True

    @property
    def scope(self) -> dict[str, Any]:
        """See Run."""
        run = {"id": Unknown.named("run.id"), "job": self.job, "started_at": Unknown.named("run.started_at")}
        return {"params": self.params, "run": run, "now": Unknown.named("now")}

    def idempotency_key(self, step_id: str, record: int | None) -> str | Unknown:
        """See Run."""
        if self.keyed:
            return Run.idempotency_key(self, step_id, record)
        return Unknown.named(f"key of run.id, {step_id}" + ("" if record is None else f", {record}"))


class PlanEffects:
    """See portl.runs.Effects."""

    def __init__(self, root: str, notes: Notes, catalogs: Catalogs, *, keyed: bool) -> None:
        self._root, self._notes, self._catalogs, self._keyed = root, notes, catalogs, keyed

    def folder(self, run_id: str) -> RunFolder:
        """A folder that goes with the plan."""
        return PlanFolder(open_store(self._root), run_id)

    def run(self, run: Run) -> Run:
        """The run before it begins."""
        return PlannedRun(run.id, run.job, run.started_at, run.params, run.key, self._keyed)

    def connections(self, specs: Mapping[str, Mapping[str, Any]]) -> Connections:
        """Connections that can be looked at only."""
        return PlanConnections(specs, self._catalogs)

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

    def note(self, intent: Noted, *, step_id: str, record: int | None) -> None:
        """Takes the note."""
        request = None
        if isinstance(intent, Request):
            request = outgoing_of(intent, self._connections, self._run.idempotency_key(step_id, record))
        elif isinstance(intent, Statement):
            intent = with_key(intent, lambda: self._run.idempotency_key(step_id, record))
        self._notes.add(to_json(document(intent, step=step_id, record=record, outgoing=request)))

    @contextmanager
    def transaction(self, begin: Begin, seconds: float) -> Iterator[Unit]:  # noqa: ARG002 - see Executor
        """Notes beginning and end."""
        self.note(begin, step_id=begin.unit, record=None)
        yield Unit(self._folder, "", done=False)
        self.note(Commit(begin.connection, begin.unit), step_id=begin.unit, record=None)

    def do(self, prepared: Prepared, intent: Intent, *, step_id: str, record: int | None) -> Any:
        """What stands for the result."""
        match intent:
            case Decide():
                undecided = isinstance(intent.branch, Unknown) and record is None
                return prepared.result(self._notes.way(step_id) if undecided else intent.branch)
            case ReadRecords() if not isinstance(intent.path, Unknown):
                return self._read(prepared, intent, step_id)
            case KeepRecords():
                more = isinstance(intent.records, Unknown)
                rows, total = self._keep(((0, each) for each in intent.records), step_id, more=more)
                return {**prepared.result(rows), "count": total}
            case Statement() | ReadRecords() if _lists(intent, record):
                return self._listed(step_id)
        return self._notes.result(step_id, record)

    def _read(self, prepared: Prepared, intent: ReadRecords, step_id: str) -> Any:
        """The file is read to its end and checked as in a run; its first records are kept."""
        columns, records = read_records(intent)
        rows, total = self._keep(records, step_id, str(intent.path))
        return {**prepared.result((rows, columns)), "count": total}

    def _listed(self, step_id: str) -> Any:
        """Rows that only a call would give: those of the step's sample, else one that is unknown."""
        result = self._notes.result(step_id, None)
        if isinstance(result, list):
            result = {"rows": result, "count": len(result)}
        given = result["rows"]
        rows, _ = self._keep(((0, each) for each in given), step_id, more=isinstance(given, Unknown))
        count = len(given) if isinstance(result, dict) and "count" not in result else result["count"]
        return {"rows": {"$rows": rows.to_json()}, "count": count}

    def _keep(
        self, records: Iterator[tuple[int, Any]], step_id: str, file: str = "", *, more: bool = False
    ) -> tuple[Rows, int | Unknown]:
        """The first records as rows, and how many there are; ``more`` when only a call would tell."""
        writer = RowsWriter(self._folder, f"results/{step_id}.rows", self._chunk_size, file)
        total = 0
        for line, record in records:
            total += 1
            if total <= self._notes.size:
                writer.add(record, line)
        rows = writer.close()
        self._notes.counts[step_id] = -1 if more else total
        if more or total > rows.count:
            rows = replace(rows, begins=f"{self._notes.name(step_id, None)}.rows")
        return rows, Unknown.named(f"{self._notes.name(step_id, None)}.count") if more else total


def _lists(intent: Statement | ReadRecords, record: int | None) -> bool:
    """Whether the answer would be rows of the run, for a batch to go over."""
    return isinstance(intent, ReadRecords) or (intent.answer == "many" and record is None)
