"""What a unit of database work makes, kept under the name of its attempt: only the attempt that committed counts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portl.errors import RunError, StoreError
from portl.runs._folder import RunFolder
from portl.runs._origin import RUN_FILE

ANSWER = "answer.json"


@dataclass(slots=True)
class Unit:
    """A unit under way, or one that was done before (``done``): its folder and its answer, JSON."""

    folder: RunFolder
    at: str
    done: bool
    answer: Any = None
    before: Mapping[int, str] = field(default_factory=dict)
    """Its records, by index, that replays have done and committed by themselves, and the folder of each one's results."""

    def keep(self) -> str:
        """Keeps the answer and says where."""
        self.folder.write(ANSWER, self.answer)
        return self.at

    def publish(self, run: RunFolder, step_ids: Iterable[str], chunk: int | None) -> None:
        """Lets the run's other Tasks find the results: this attempt is the one that counts."""
        for step_id in step_ids:
            lead_to(run, self.at, step_id, chunk)


def new_unit(run: RunFolder) -> Unit:
    """A unit that is done now."""
    attempt = run.attempt(secrets.token_hex(4))
    return Unit(attempt, attempt.at, done=False)


def earlier_unit(run: RunFolder, at: str) -> Unit:
    """A unit that committed earlier, in this run or in another one of the same key.

    Raises:
        RunError: R122, its answer is not kept any more.
    """
    try:
        return Unit(run, at, done=True, answer=run.read(f"{at}/{ANSWER}"))
    except StoreError as problem:
        text = f"this work was done before, and its answer in {at[1:]} is gone"
        raise RunError(text, code="R122", hint="restore the run's folder, or run it as new work with --new-key") from problem


def lead_to(run: RunFolder, at: str, step_id: str, chunk: int | None) -> None:
    """Says which folder (``at``, from the root) has the results of a step, for all of its records or for one chunk."""
    run.write(pointer_name(step_id, chunk), {"at": at})


def pointer_name(step_id: str, chunk: int | None) -> str:
    """Where it stands which attempt has the results of a step, for all of its records or for one chunk."""
    return f"results/{step_id}.at" if chunk is None else f"results/{step_id}/{chunk:05d}.at"


def _in_run(run: RunFolder, at: str, name: str) -> str:
    found, other = f"{at}/{name}", at.split("/")[1]
    if not run.exists(found) and not run.exists(f"/{other}/{RUN_FILE}"):
        text = f"{name} stands in the run {other}, which is gone"
        raise RunError(text, code="R123", hint="restore its folder, or do the work anew: without --resume, with --new-key")
    return found


def found_in(run: RunFolder, base: str, step_id: str, chunk: int | None) -> str:
    """Which folder, from the root, has the results of a step in another run (``base``), as that run says."""
    for at in (None,) if chunk is None else (chunk, None):
        pointer = run.find(f"/{base}/{pointer_name(step_id, at)}")
        if pointer is not None:
            return str(pointer["at"])
    return f"/{base}"


def find_result(run: RunFolder, step_id: str, name: str, chunk: int | None = None) -> str:
    """The name under which a result stands: its own, that in the attempt that counts, or that in a run behind this one.

    Raises:
        RunError: R123, it stands in a run that is gone: taken for one that was left out, its record would be passed over.
    """
    if run.exists(name):
        return name
    for pointer in [pointer_name(step_id, at) for at in ((None,) if chunk is None else (chunk, None))]:
        if run.exists(pointer):
            return _in_run(run, run.read(pointer)["at"], name)
    others = (f"{found_in(run, base, step_id, chunk)}/{name}" for base in run.behind)
    return next((each for each in others if run.exists(each)), name)
