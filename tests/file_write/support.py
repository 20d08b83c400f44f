"""A file.write step done once, on a store of the test's choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portl.connections import Connections
from portl.runs import RowsReader, RowsWriter, RunFolder, WriteFile
from portl.runs._file_writing import write_file
from portl.runs._progress import Progress
from portl.steps.file_write import FileWrite, Writing
from portl.stores import MemoryDriver, Store

RUN = {"id": "r1", "job": "export", "started_at": "2026-01-02T03:04:05Z"}


class Given(Connections):
    """Connections that lead to one store, under the name ``out``."""

    def __init__(self, store: Store) -> None:
        super().__init__({"out": {"type": "local"}})
        self._store = store

    def get(self, name: str) -> Any:
        assert name == "out"
        return self._store

    def close(self) -> None:
        """The store is the test's."""


def planned(store: Store, rows: Any, **fields: Any) -> tuple[Writing, WriteFile]:
    given = {"id": "write", "type": "file.write", "path": "out:f", "rows": "{{ steps.read.rows }}", "format": "csv", **fields}
    step = Writing(FileWrite.model_validate(given), Given(store))
    return step, step.plan({"run": RUN, "params": {}, "steps": {"read": {"rows": rows}}})


def write(store: Store, rows: Any, *, remaining: Any = None, **fields: Any) -> Mapping[str, Any]:
    """Plans and performs the step, and answers its result."""
    step, intent = planned(store, rows, **fields)
    connections = Given(store)
    connections.remaining = remaining
    result: Mapping[str, Any] = step.result(write_file(intent, connections, Progress(["write"], None, None)))
    return result


def memory() -> Store:
    return Store(MemoryDriver())


def content(rows: Any, **fields: Any) -> bytes:
    """The bytes of the one file."""
    store = memory()
    write(store, rows, **fields)
    return store.read("f")


def by_reference(records: Iterable[Any], size: int = 100) -> RowsReader:
    folder = RunFolder(memory(), "r1")
    writer = RowsWriter(folder, folder.ref("results/read.rows"), size, "in.csv")
    for line, record in enumerate(records, 2):
        writer.add(record, line)
    return RowsReader(folder, writer.close())


def files(store: Store) -> dict[str, bytes]:
    return {entry.path: store.read(entry.path) for entry in store.list(recursive=True)}
