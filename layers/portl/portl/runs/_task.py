"""What a function is asked to do: one step, or one transaction, at one place of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from portl.connections import Connections
from portl.jobs import decode_spec
from portl.runs._begin import Run, begin_run, load_run
from portl.runs._effects import Executor, effects
from portl.runs._folder import RunFolder
from portl.runs._results import StepsView
from portl.runs._rows import Rows, RowsReader
from portl.runs._specs import SPEC_REFERENCE, read_spec
from portl.stores import Store


class LambdaContext(Protocol):
    """The part of Lambda's context that Portl uses.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """Steps over the same records (or none), as they stand in a Task."""

    steps: tuple[dict[str, Any], ...]
    rows: Rows | None
    rows_of: str | None = None
    """The step of the same Task that makes the records, when one does."""


@dataclass(slots=True)
class Task:
    """A payload read. ``chunk`` is None outside a Map; ``mask`` names the conditional and branch a batch step belongs to."""

    folder: RunFolder
    run: Run
    groups: tuple[Group, ...]
    chunk: int | None
    connections: Connections
    executor: Executor
    reads: Mapping[str, list[str]]
    begins: bool
    context: LambdaContext
    mask: tuple[str, str] | None = None
    locks: tuple[str, ...] = ()
    unit: str = ""
    stage: str = ""
    """The unit that the Task's records are staged for."""
    _sources: dict[str, RowsReader] = field(default_factory=dict)

    @property
    def step(self) -> dict[str, Any]:
        """The spec of the step, for a Task of one."""
        return self.groups[0].steps[0]

    @property
    def rows(self) -> Rows | None:
        """The records of the Task's only group."""
        return self.groups[0].rows

    @property
    def name(self) -> str:
        """What the Task is called in logs and errors: the step's id, or the transaction's unit."""
        return self.unit or self.stage or str(self.step["id"])

    def source(self, rows: Rows) -> RowsReader:
        """The reader of a list of records, one for the whole Task."""
        return self._sources.setdefault(rows.ref, RowsReader(self.folder, rows))

    def remaining(self) -> float:
        """Seconds until the function is stopped."""
        return self.context.get_remaining_time_in_millis() / 1000

    def view(self, rows: Rows | None) -> StepsView:
        """``steps`` for expressions of a group over these records."""
        return StepsView(self.folder, self.reads, rows.size if rows else 1)

    def scope(self, steps: StepsView) -> dict[str, Any]:
        """The names every expression of the Task sees; a record adds its own."""
        return {**self.run.scope, "steps": steps}


@dataclass(frozen=True)
class Payload:
    """The event of a function as the compiler writes it."""

    event: Mapping[str, Any]

    @cached_property
    def run_id(self) -> str:
        """The id of the run: the execution's name."""
        return str(self.event["run"]["id"] if "begin" in self.event else self.event["at"]["run"]["id"])

    @cached_property
    def chunk(self) -> int | None:
        """The number of the chunk, inside a Map."""
        found = self.event.get("at", {}).get("chunk")
        return None if found is None else int(found)

    def groups(self, root: Store) -> tuple[Group, ...]:
        """The steps to do and the records they go over. A spec that is packaged is read from the runs' root."""
        at_rows = self.event.get("at", {}).get("rows")
        listed = self.event.get("groups") or [{"steps": self.event.get("steps") or [self.event["step"]], "rows": at_rows}]
        return tuple(
            Group(
                tuple(read_spec(root, step) if SPEC_REFERENCE in step else decode_spec(step) for step in each["steps"]),
                Rows(**each["rows"]) if each.get("rows") else None,
                each.get("rows_of"),
            )
            for each in listed
        )


def read_task(event: Mapping[str, Any], context: LambdaContext) -> Task:
    """The Task in a function's event. The first Task of a machine begins the run.

    Raises:
        RunError: the parameters are not what the job asks for, or a packaged spec cannot be used (R111, R112).
    """
    payload = Payload(event)
    given = effects()
    folder = given.folder(payload.run_id)
    if "begin" in event:
        run = begin_run(folder, event["run"]["started_at"], event["run"]["input"], decode_spec(event["begin"]))
    else:
        run = load_run(folder)
    run = given.run(run)
    connections = given.connections({name: decode_spec(spec) for name, spec in event.get("connections", {}).items()})
    chunk_size = event.get("chunk_size", 500)
    mask = event.get("mask")
    return Task(
        folder=folder,
        run=run,
        groups=payload.groups(folder.root),
        chunk=payload.chunk,
        connections=connections,
        executor=given.executor(folder, run, connections, chunk_size),
        reads=event.get("reads", {}),
        begins="begin" in event,
        context=context,
        mask=(mask[0], mask[1]) if mask else None,
        locks=tuple(event.get("locks", ())),
        unit=event.get("unit", ""),
        stage=event.get("stage", ""),
    )
