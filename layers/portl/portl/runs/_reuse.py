"""What a Task has done is kept under a hash of what it was done on; a run that goes on from it takes that, or does it again.

``done/<Task>[/<chunk>].json`` is ``{hash, answer}``. What is taken stays where it is: the new run leads there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portl.errors import Place, RunError
from portl.runs._fingerprint import step_ids
from portl.runs._task import Task
from portl.runs._units import lead_to, pointer_name

REUSED = "reused"
"""What a record counts as that an earlier run is through with."""
LEFT_OUT = "left out"

Answer = dict[str, Any]


def answered(task: Task, work: str, do: Callable[[], Answer]) -> Answer:
    """The Task's answer: that of the run this one goes on from, when its work was the same; else what ``do`` makes.

    Raises:
        RunError: R155, it is to be taken from a run that never came to its end.
    """
    run, name = task.folder, done_name(task)
    done = run.find(name) or _adopted(task, name, work)  # its own, when the answer to its first attempt was lost
    if done is None or (done["hash"] != work and not _taken(task)):
        done = {"hash": work, "answer": do()}
        run.write(name, done)
    answer: Answer = done["answer"]
    return answer


def _adopted(task: Task, name: str, work: str) -> dict[str, Any] | None:
    """What an earlier run has done, with its results made this run's."""
    found = None if _again(task) else _earlier(task, name)
    if found is None and _taken(task):
        raise _never_done(task)
    if found is None or (found[1]["hash"] != work and not _taken(task)):
        return None
    _take(task, found[0])
    task.folder.write(name, found[1])
    return found[1]


def changed(task: Task, work: str) -> bool:
    """Whether the run this one goes on from is through with the Task, and on something else."""
    found = _earlier(task, done_name(task))
    return found is not None and found[1]["hash"] != work


def done_name(task: Task) -> str:
    """Where it stands what the Task has done."""
    return f"done/{task.name}.json" if task.chunk is None else f"done/{task.name}/{task.chunk:05d}.json"


def partial_name(step_id: str, chunk: int, work: str) -> str:
    """Where the finished records of a chunk stand that could not go on."""
    return f"partial/{step_id}/{chunk:05d}-{work[:16]}.jsonl"


def find_partial(task: Task, name: str) -> str | None:
    """The finished records of a chunk: this run's, or those of a run it goes on from."""
    names = [name] if _again(task) else [name, *(f"/{base}/{name}" for base in _bases(task))]
    return next((each for each in names if task.folder.exists(each)), None)


def _bases(task: Task) -> tuple[str, ...]:
    return task.run.origin.bases if task.run.origin else ()


def _again(task: Task) -> bool:
    """Whether the run was told to do the Task again."""
    return task.run.origin is not None and not task.run.origin.redo.isdisjoint(step_ids(task))


def _taken(task: Task) -> bool:
    """Whether the run was told to take the Task's answer, whatever has changed."""
    return task.run.origin is not None and task.run.origin.keep.issuperset(step_ids(task))


def _earlier(task: Task, name: str) -> tuple[str, dict[str, Any]] | None:
    """The last run that is through with the Task, and what it kept: what one before it did has been done over."""
    for base in _bases(task):
        found = task.folder.find(f"/{base}/{name}")
        if found is not None:
            return base, found
    return None


def _take(task: Task, base: str) -> None:
    """Leads to the results of another run, and counts them."""
    file = "all" if task.chunk is None else f"{task.chunk:05d}"
    for step_id in step_ids(task):
        pointer = pointer_name(step_id, task.chunk)
        known = task.folder.find(f"/{base}/{pointer}")
        lead_to(task.folder, known["at"] if known else f"/{base}", step_id, task.chunk)
        stats = f"stats/{step_id}/{file}.json"
        counts = task.folder.find(f"/{base}/{stats}")
        if counts is not None:
            task.folder.write(stats, _counted(counts))


def _counted(counts: dict[str, int]) -> dict[str, int]:
    """The same records, as reused; a count such as ``read:3500`` stands for so many."""
    reused = sum(count * int(name.partition(":")[2] or 1) for name, count in counts.items() if name != LEFT_OUT)
    left_out = {LEFT_OUT: counts[LEFT_OUT]} if counts.get(LEFT_OUT) else {}
    return {REUSED: reused, **left_out} if reused else left_out


def _never_done(task: Task) -> RunError:
    where = "" if task.chunk is None else f" for chunk {task.chunk}"
    base = task.run.origin.base if task.run.origin else ""
    text = f"{task.name} is to be taken from {base}, and that run never finished it{where}"
    hint = f"begin with an earlier step, such as --from {step_ids(task)[0]}, or resume it without --from"
    return RunError(text, code="R155", hint=hint, place=Place(step=task.name))
