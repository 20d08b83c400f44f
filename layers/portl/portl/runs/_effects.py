"""The seam between a step and the outside: a run does what the steps plan, a plan shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from portl.connections import Connections
from portl.runs._begin import Run
from portl.runs._executor import LiveExecutor
from portl.runs._folder import RunFolder, runs_root
from portl.runs._intents import Begin, Intent, Noted
from portl.runs._pace import Pace
from portl.runs._rows import Rows
from portl.runs._staged import Lot, Stageable
from portl.runs._steptype import Prepared
from portl.runs._units import Unit
from portl.values import Unknown


class Staged(Protocol):
    """What waits in the stages of one unit."""

    def counts(self, step_ids: Sequence[str], records: int) -> dict[str, tuple[int, int]]:
        """By step how many records were left out and how many skipped. Raises RunError R115 where records are missing."""
        ...

    def merge(self, at: int, step_id: str, prepared: Stageable, rows: Rows, done: Callable[[int], None]) -> Counter[str]:
        """Makes rows of step number ``at``, keeps the results and answers what the records came to. Raises StepError."""
        ...

    def drop(self) -> None:
        """They are not needed any more when the transaction commits."""
        ...


class Executor(Protocol):
    """What the intents of one Task go through."""

    def admits(self, decision: bool | Unknown, *, step_id: str, record: int | None) -> bool:
        """Whether a record goes in, after what the step's ``when`` said."""
        ...

    def way(self, branch: Any, *, step_id: str) -> str:
        """The branch to go on with, of a conditional outside a batch."""
        ...

    def pace(self, step_id: str, chunk: int | None, rate: Mapping[str, Any]) -> Pace | None:
        """The turns of a step's requests, ``rate`` being ``{requests, per_s}``; None: nobody waits for them."""
        ...

    def note(self, intent: Noted, *, step_id: str, record: int | None) -> None:
        """Is told of an intent once, before its first attempt."""
        ...

    def described(self, intent: Noted, *, step_id: str, record: int | None) -> dict[str, Any]:
        """The intent in full, as a document, secrets masked."""
        ...

    def apart(self, connection: str) -> AbstractContextManager[None]:
        """Inside a transaction: what is done within goes by itself when an error comes through, and the rest stays."""
        ...

    def do(self, prepared: Prepared, intent: Intent, *, step_id: str, record: int | None) -> Any:
        """Makes one attempt and answers the step's result, JSON. Raises StepError."""
        ...

    def transaction(self, begin: Begin, seconds: float) -> AbstractContextManager[Unit]:
        """A transaction that commits at the end; its statements have so many seconds. What is ``done`` is not done again."""
        ...

    def knows(self, begin: Begin) -> bool:
        """Whether the unit's work was done before, so that nothing need be staged for it."""
        ...

    def stage(self, connection: str, lot: Lot) -> None:
        """Puts a chunk's records into the unit's stages. Raises StepError."""
        ...

    def staged(self, begin: Begin) -> Staged:
        """The unit's stages, inside its transaction."""
        ...


class Effects(Protocol):
    """What a Task is given to work with: the seam between a step and the outside. ``LiveEffects`` is the real one."""

    def folder(self, run_id: str) -> RunFolder:
        """Where the run keeps what it makes."""
        ...

    def run(self, run: Run) -> Run:
        """The run, as expressions and keys see it."""
        ...

    def connections(self, specs: Mapping[str, Mapping[str, Any]]) -> Connections:
        """The Task's connections."""
        ...

    def executor(self, folder: RunFolder, run: Run, connections: Connections, chunk_size: int) -> Executor:
        """What performs the Task's intents."""
        ...


class LiveEffects:
    """The effects of a run."""

    def folder(self, run_id: str) -> RunFolder:
        """See Effects."""
        return RunFolder(runs_root(), run_id)

    def run(self, run: Run) -> Run:
        """See Effects."""
        return run

    def connections(self, specs: Mapping[str, Mapping[str, Any]]) -> Connections:
        """See Effects."""
        return Connections(specs)

    def executor(self, folder: RunFolder, run: Run, connections: Connections, chunk_size: int) -> Executor:
        """See Effects."""
        return LiveExecutor(folder, run, connections, chunk_size)


_EFFECTS: list[Effects] = [LiveEffects()]


def effects() -> Effects:
    """What the Tasks of this process work with."""
    return _EFFECTS[0]


def use_effects(instead: Effects | None) -> None:
    """Sets what the Tasks of this process work with; None goes back to the real ones."""
    _EFFECTS[0] = instead or LiveEffects()
