"""Drives the compiled machine through the engine, with effects that only take note."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portl.jobs import Job, walk_steps
from portl.runs import NEW_KEY, REPLAY, keep_specs, use_effects
from portl.stores import open_store
from portl.values import Unknown
from portl_cli.compile import Compiled
from portl_cli.engine import Execution, Function, InlineHost, SystemClock, execute, load_machine
from portl_cli.plan._catalog import Catalogs
from portl_cli.plan._effects import PlanEffects
from portl_cli.plan._notes import Note, Notes
from portl_cli.plan._samples import samples_of
from portl_cli.plan._shown import shown

RUN = "plan"
APART = frozenset({"begin", "known", "merge", "commit"})
"""Kinds of notes that stand where they are, even where a transaction is called as its only step."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. ``notes`` stand in the order of the machine, a step's by record.

    ``counts`` are the records of each list (-1: only a call would tell), ``size`` how many of them are shown. ``unseen`` are
    the databases whose variable is not set: mappings were not compared with their tables.
    """

    job: Job
    size: int
    notes: tuple[Note, ...]
    counts: Mapping[str, int]
    run_key: str | None
    unseen: tuple[str, ...]


class PlanFailed(Exception):
    """An expression, a file or a mapping failed on a record. ``error`` is its document, as a run keeps it, or None."""

    def __init__(self, error: dict[str, Any] | None, cause: str) -> None:
        super().__init__(cause)
        self.error = error


def make_plan(found: Compiled, functions: Mapping[str, Function], params: Mapping[str, Any], *, size: int, runs: Path) -> Plan:
    """Walks the machine with the first ``size`` records of every list; decisions that only a call could make both ways.

    Nothing is written but to a temporary folder, nothing is sent. A database at hand is asked for the columns of its tables and
    for the units it knows; what those answered is read from ``runs``, the folder of the runs there were.

    Raises:
        PlanFailed: with the error of the record that failed.
        DatabaseError: a database whose variable is set cannot be reached.
        RunError: R141, a step's sample is of another form than its result.
    """
    catalogs = Catalogs(found.job.connections)
    try:
        catalogs.open_all(found.job)
        first, run_key = _walk(found, functions, params, _notes(found.job, size, {}), catalogs, runs)
        ways, notes = [*first.other_ways], [*first.taken]
        while ways:
            forced = ways.pop()
            more, _ = _walk(found, functions, params, _notes(found.job, size, forced), catalogs, runs)
            ways += more.other_ways
            notes = _merged(found.job, notes, more.taken, [*forced][-1])
        return Plan(found.job, size, tuple(_ordered(notes)), first.counts, run_key, tuple(catalogs.unseen))
    finally:
        catalogs.close()


def _merged(job: Job, notes: list[Note], more: list[Note], decided: str) -> list[Note]:
    """What only the other way has goes behind the steps of the conditional; what the two ways differ in, nobody knows yet."""
    other = {_key(each): each for each in more}
    ours = [_blended(each, other[_key(each)]) if _key(each) in other else each for each in notes]
    seen = {_key(each) for each in notes}
    inside = {each.id for step in walk_steps(job.steps) if step.id == decided for each in walk_steps([step])}
    at = max(at for at, each in enumerate(notes) if each["step"] in inside) + 1
    return [*ours[:at], *(each for each in more if _key(each) not in seen), *ours[at:]]


def _key(note: Note) -> tuple[Any, ...]:
    return note["step"], note["record"], note["kind"]


def _blended(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {name: _blended(one[name], other[name]) for name in one}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return list(map(_blended, one, other))
    return one if one == other and type(one) is type(other) else Unknown.named(f"{shown(one)} or {shown(other)}")


def _notes(job: Job, size: int, forced: dict[str, str]) -> Notes:
    return Notes(samples_of(job), {step.id: step.name for step in walk_steps(job.steps)}, size, forced)


def _walk(
    found: Compiled,
    functions: Mapping[str, Function],
    params: Mapping[str, Any],
    notes: Notes,
    catalogs: Catalogs,
    runs: Path,
) -> tuple[Notes, str | None]:
    """One way through the machine, and the run's key when the job says what it is."""
    machine = load_machine(found.definition, substitutions={f"{name}Arn": name for name in functions}, name=found.job.job)
    keyed = REPLAY in params or (found.job.run_key is not None and NEW_KEY not in params)
    with tempfile.TemporaryDirectory(prefix="portl-plan-") as root, _logged(Path(root) / "log.jsonl"):
        keep_specs(open_store(root), found.specs)
        use_effects(PlanEffects(root, str(runs), notes, catalogs, keyed=keyed))
        try:
            ended = execute(machine, dict(params), name=RUN, host=InlineHost(functions), clock=SystemClock(0.0))
        finally:
            use_effects(None)
        if ended.status != "SUCCEEDED":
            raise _failed(Path(root) / RUN, ended)
        key = json.loads((Path(root) / RUN / "run.json").read_text("utf-8"))["key"] if keyed else None
    return notes, key


def _failed(folder: Path, ended: Execution) -> PlanFailed:
    errors = sorted((folder / "errors").glob("*.json"))
    error = json.loads(errors[0].read_text("utf-8")) if errors else None
    return PlanFailed(error, f"{ended.error}: {ended.cause}")


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """The log of the plan goes where the plan goes."""
    before = os.environ.get("PORTL_LOG")
    os.environ["PORTL_LOG"] = str(file)
    try:
        yield
    finally:
        os.environ.pop("PORTL_LOG")
        if before is not None:
            os.environ["PORTL_LOG"] = before


def _ordered(notes: list[Note]) -> Iterator[Note]:
    """The steps as they first appear, each with its records in order; what frames or ends a transaction apart from them."""
    places: dict[tuple[str, str], int] = {}
    for note in notes:
        places.setdefault(_place(note), len(places))
    yield from sorted(notes, key=lambda note: (places[_place(note)], _index(note)))


def _place(note: Note) -> tuple[str, str]:
    return note["step"], note["kind"] if note["kind"] in APART else ""


def _index(note: Note) -> int:
    return -1 if note["record"] is None else int(note["record"])
