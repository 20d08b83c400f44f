"""Dead letters: the records that failed for good at a step that says so, each with what is needed to do it again.

``dead/<step>/<chunk>.jsonl`` of a run has those of a step, in the records' order. What a letter says::

    step      the step that failed            record    the record's index in its batch, from 0
    file      the file it came from           line      and the line there, from 1; both only where there is one
    error     {outcome, code, message, hint, place, detail}, as a failed run keeps it
    run       the run that wrote it
    attempt   how many attempts were made     at        when, as ISO 8601 in UTC
    from      the first step to do again      value     the record
    request   what would have gone out: an intent's document, or null when there was none
    called    calls that were made for the record inside the transaction that was taken back, by step
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from portl.errors import Place, StepError
from portl.jobs import DATABASES, StepSpec
from portl.runs._effects import Executor
from portl.runs._folder import RunFolder
from portl.runs._handler import error_document
from portl.runs._records import Node
from portl.runs._rows import RowsReader
from portl.runs._steptype import Scope
from portl.values import redact, to_json

Letter = dict[str, Any]

FOLDER = "dead"
REPLAYS = "replayed"
"""``replayed/<step>/<record>.json`` of a run says which run has brought the record of a letter through since."""
SETTLED = "settled"
"""``settled/<step>/<chunk>.json`` of a run has the records of a chunk whose letters a replay has closed, in it or in the run
that the chunk was taken from. They have no results here: the replay did all that was to follow, and they stay left out."""
NO_RECORDS_FAULT = frozenset({"D101", "D105", "D107", "D108", "D111", "L103", "L107", "L109"})
"""What is refused whatever the record: a database's address, SQL, rights, time; a function not there or not allowed."""


def says_dead_letter(spec: StepSpec) -> bool:
    """Whether a record that fails at the step is kept aside."""
    return spec.on_error == "dead_letter"


def is_set_aside(spec: StepSpec, problem: StepError, *, waits: bool) -> bool:
    """Whether an error makes a letter of the record. Else it is the Task's: it comes again, or ends the run.

    ``waits``: whether the Task can come back after the seconds that the other side asked for.
    """
    if not says_dead_letter(spec) or problem.code in NO_RECORDS_FAULT:
        return False
    if spec.connects_to in DATABASES:
        return problem.outcome == "Permanent"
    return not (waits and problem.retry_after is not None and problem.outcome in ("Throttled", "Transient"))


def request_of(node: Node, scope: Scope, executor: Executor, idx: int) -> dict[str, Any] | None:
    """What would have gone out for a record, or None when it cannot be planned."""
    try:
        return executor.described(node.prepared.plan(scope), step_id=node.spec.id, record=idx)
    except StepError:
        return None


class Addressed:
    """The records of one list, as their letters name them."""

    def __init__(self, source: RowsReader, run_id: str) -> None:
        self._source, self._run_id = source, run_id

    def place(self, idx: int, step_id: str | None = None) -> Place:
        """Where a record comes from."""
        return replace(self._source.place(idx), step=step_id, record=idx)

    def letter(self, problem: StepError, *, step: str, record: int, **more: Any) -> Letter:
        """The letter of a record; ``more`` are the fields that the caller knows: ``from``, ``request``, ``called``."""
        error = error_document(problem.at(self.place(record, step)), problem.outcome)
        return self.written(error, step=step, record=record, attempt=problem.attempts, **more)

    def written(self, error: Mapping[str, Any], *, step: str, record: int, **more: Any) -> Letter:
        """The same from an error's document, which may be that of a whole Task."""
        known = {name: each for name, each in asdict(self.place(record, step)).items() if each is not None}
        if "file" in known:
            known["file"] = redact(known["file"])
        mine = error["place"].get("record") == record
        told = redact(to_json({"error": error, **more, "value": self._source.read(record)}))
        told |= {name: more[name] for name in ("attempt", "from", "called") if name in more}  # a replay begins by them
        told["error"]["place"] = {**(told["error"]["place"] if mine else {}), **known}
        came = {name: known[name] for name in ("file", "line") if name in known}
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"step": step, "record": record, **came, "run": self._run_id, "at": moment, **told}


def letters_name(step_id: str, chunk: int) -> str:
    """Where the letters of a step stand for one chunk."""
    return f"{FOLDER}/{step_id}/{chunk:05d}.jsonl"


def chunk_letters(folder: RunFolder, step_id: str, chunk: int, run: str = "") -> list[Letter]:
    """The letters of a step for one chunk, in the records' order; ``run`` is ``/<id>/`` of another run that has them."""
    name = f"{run}{letters_name(step_id, chunk)}"
    return folder.read_lines(name) if folder.exists(name) else []


def keep_letters(folder: RunFolder, step_id: str, chunk: int, letters: Iterable[Letter]) -> None:
    """Keeps the letters of a step for one chunk in place of those it had. Without any, a file that is there becomes empty."""
    found = sorted(letters, key=lambda letter: int(letter["record"]))
    name = letters_name(step_id, chunk)
    if found or folder.exists(name):
        folder.write_lines(name, found)


def is_open(folder: RunFolder, run_id: str, letter: Letter) -> bool:
    """Whether no replay of that run has brought the record through since."""
    return not folder.exists(f"/{run_id}/{REPLAYS}/{letter['step']}/{letter['record']}.json")


def settled(folder: RunFolder, step_id: str, chunk: int, run: str = "") -> frozenset[int]:
    """The records of a chunk whose letter of a step a replay has closed; ``run`` as of ``chunk_letters``."""
    return frozenset(folder.find(f"{run}{SETTLED}/{step_id}/{chunk:05d}.json") or ())


def keep_settled(folder: RunFolder, step_id: str, chunk: int, records: Iterable[int]) -> None:
    """Adds records to those of a chunk whose letters are closed."""
    found = settled(folder, step_id, chunk).union(records)
    if found:
        folder.write(f"{SETTLED}/{step_id}/{chunk:05d}.json", sorted(found))


def set_aside(folder: RunFolder, step_ids: Sequence[str], chunk: int, *, writer: str | None = None) -> frozenset[int]:
    """The records of a chunk that a letter of one of the steps leaves out, open or closed; ``writer``: one that it wrote."""
    letters = (letter for step_id in step_ids for letter in chunk_letters(folder, step_id, chunk))
    found = frozenset(int(letter["record"]) for letter in letters if writer is None or letter.get("run") == writer)
    return found.union(*(settled(folder, step_id, chunk) for step_id in step_ids)) if writer is None else found


def read_letters(folder: RunFolder) -> Iterator[Letter]:
    """Every letter of a run, by step and record."""
    for entry in folder.root.list(f"{folder.run_id}/{FOLDER}", recursive=True):
        yield from folder.read_lines(f"/{entry.path}")
