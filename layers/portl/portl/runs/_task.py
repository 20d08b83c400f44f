"""What a function is asked to do: one step, or one transaction, at one place of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol

from portl.connections import Connections
from portl.errors import Place, StepError
from portl.jobs import decode_spec
from portl.runs._begin import Run, begin_run, load_run
from portl.runs._effects import Executor, effects
from portl.runs._events import log
from portl.runs._folder import RunFolder
from portl.runs._metrics import count_call
from portl.runs._results import StepsView
from portl.runs._rows import Rows, RowsReader, whole_list
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
    after: tuple[str, ...] = ()
    """Earlier steps over the same records: those with a dead letter of one of them are left out."""


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
    picks: frozenset[int] | None = None
    """In a replay, the indexes of the records to do; None: all of them."""
    locks: tuple[str, ...] = ()
    unit: str = ""
    caught: Mapping[str, Any] = field(default_factory=dict)
    """What a Catch saw of the Task before: ``error`` as Step Functions tells it, ``attempts``."""
    connection_specs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """As the job writes them, their variables and secrets not resolved."""
    stage: str = ""
    """The unit that the Task's records are staged for."""
    _sources: dict[str, RowsReader] = field(default_factory=dict)

    @property
    def letters_by(self) -> str | None:
        """Whose letters leave a record out, None: anybody's. A replay does records again that have letters from before."""
        return None if self.picks is None else self.folder.run_id

    @property
    def step(self) -> dict[str, Any]:
        """The spec of the step, for a Task of one."""
        return self.groups[0].steps[0]

    @property
    def types(self) -> dict[str, str]:
        """The type of every step of the Task, those inside others too, by its id."""
        return dict(_types(step for group in self.groups for step in group.steps))

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
        return self._sources.setdefault(rows.ref, RowsReader(self.folder, rows, self.connections.file))

    def in_file(self, rows: Rows, problem: StepError) -> StepError:
        """The error of a record, placed in the file that the list came from."""
        idx = problem.place.record
        return problem.at(Place(file=rows.file or None) if idx is None else self.source(rows).place(idx))

    def parts(self, rows: Rows) -> Sequence[int]:
        """The parts of a list that the Task goes over: its chunk, or all that hold a record to do."""
        if self.chunk is not None:
            return [self.chunk]
        return range(rows.chunks) if self.picks is None else sorted({idx // rows.size for idx in self.picks})

    def picks_record(self, idx: int) -> bool:
        """Whether a record is to be done, as far as a replay says."""
        return self.picks is None or idx in self.picks

    def remaining(self) -> float:
        """Seconds until the function is stopped."""
        return self.context.get_remaining_time_in_millis() / 1000

    def view(self, rows: Rows | None) -> StepsView:
        """``steps`` for expressions of a group over these records."""
        return StepsView(self.folder, self.reads, rows.size if rows else 1, self.connections.file)

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
        event = self.event
        rows, after = event.get("at", {}).get("rows"), event.get("after", ())
        listed = event.get("groups") or [{"steps": event.get("steps") or [event["step"]], "rows": rows, "after": after}]
        return tuple(
            Group(
                tuple(read_spec(root, step) if SPEC_REFERENCE in step else decode_spec(step) for step in each["steps"]),
                Rows(**each["rows"]) if each.get("rows") else None,
                each.get("rows_of"),
                tuple(each.get("after", ())),
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
    groups, chunk, picks = _picked(folder, payload.groups(folder.root), payload.chunk)
    if "begin" in event:
        run = begin_run(folder, event["run"]["started_at"], event["run"]["input"], decode_spec(event["begin"]))
    else:
        run = load_run(folder)
    if run.origin is not None and run.origin.picks is not None:
        folder.behind = run.origin.bases
    run = given.run(run)
    specs, row_stores = (
        {name: decode_spec(spec) for name, spec in event.get(field, {}).items()} for field in ("connections", "row_stores")
    )
    connections = given.connections({**row_stores, **specs})
    connections.remaining = lambda: context.get_remaining_time_in_millis() / 1000
    connections.on_call = partial(_called, payload)
    chunk_size = event.get("chunk_size", 500)
    mask = event.get("mask")
    return Task(
        folder=folder,
        run=run,
        groups=groups,
        chunk=chunk,
        picks=picks,
        connections=connections,
        executor=given.executor(folder, run, connections, chunk_size),
        reads=event.get("reads", {}),
        begins="begin" in event,
        context=context,
        mask=(mask[0], mask[1]) if mask else None,
        locks=tuple(event.get("locks", ())),
        unit=event.get("unit", ""),
        caught=event.get("caught", {}),
        connection_specs=specs,
        stage=event.get("stage", ""),
    )


def _types(steps: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in steps:
        yield str(step["id"]), str(step["type"])
        for branch in ("then", "else"):
            yield from _types(step.get(branch, ()))


def _called(payload: Payload, call: Mapping[str, Any]) -> None:
    """A call of a store: a metric, and a line of the log where it was made again."""
    count_call(call)
    if call["attempts"] > 1:
        step_id = str(payload.event.get("step", {}).get("id", ""))
        log("warning", "store called again", run=payload.run_id, step_id=step_id, chunk=payload.chunk, **call)


_Groups = tuple[Group, ...]


def _picked(folder: RunFolder, groups: _Groups, chunk: int | None) -> tuple[_Groups, int | None, frozenset[int] | None]:
    """The groups with their whole lists, the chunk's own number, and the records to do, where a replay picked some."""
    picks = [folder.read(group.rows.pick) for group in groups if group.rows is not None and group.rows.pick]
    if not picks:
        return groups, chunk, None
    whole = tuple(group if group.rows is None else replace(group, rows=whole_list(group.rows)) for group in groups)
    return whole, None if chunk is None else picks[0]["parts"][chunk], frozenset(picks[0]["records"])
