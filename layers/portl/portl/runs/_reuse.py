"""What a Task has done is kept under a hash of what it was done on; a run that goes on from it takes that, or does it again.

``done/<Task>[/<chunk>].json`` is ``{hash, answer}``. What is taken stays where it is: the new run leads there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portl.errors import Place, RunError
from portl.runs._counts import CALLED, FAILED, FAILED_BEFORE, LEFT_OUT, REUSED, ROLLED_BACK
from portl.runs._fingerprint import step_ids
from portl.runs._letters import chunk_letters, is_open, keep_letters, keep_settled, settled
from portl.runs._rows import Rows, pick_records
from portl.runs._task import Task
from portl.runs._units import found_in, lead_to

_NOT_DONE = frozenset({LEFT_OUT, FAILED, FAILED_BEFORE, ROLLED_BACK})

Answer = dict[str, Any]
Work = Callable[[], str]
"""Tells the hash of what a Task is done on."""


def answered(task: Task, work: Work, do: Callable[[], Answer], afterwards: Work | None = None) -> Answer:
    """The Task's answer: that of the run this one goes on from, when its ``work`` was the same; else what ``do`` makes.

    ``afterwards`` tells the work, without reading again what ``do`` has read, where nothing was there to compare it with.
    """
    run, name = task.folder, done_name(task)
    done = run.find(name)  # its own, when the answer to its first attempt was lost
    if done is None and not _again(task):
        done = _adopted(task, work)
    elif done is not None and done["hash"] != work():
        done = None
    if done is None:
        made = do()
        done = {"hash": (afterwards or work)(), "answer": made}
        run.write(name, done)
    answer: Answer = done["answer"]
    return answer


def taken(task: Task) -> Answer | None:
    """The Task's answer in the run this one goes on from, when this one was told to take it whatever has changed.

    Raises:
        RunError: R155, that run never finished the Task; R157, a record that is to be done is none of its list.
    """
    origin = task.run.origin
    if origin is None or _again(task) or not (origin.picks is not None or origin.keep.issuperset(step_ids(task))):
        return None
    answer = _adopted(task, None)
    if answer is None and (origin.picks is None or task.picks is not None):
        raise _never_done(task)
    found: Answer = answer["answer"] if answer else _nothing(task)
    return found if origin.picks is None else picked_answer(task, found)


def _nothing(task: Task) -> Answer:
    """The answer of a Task that a replay does not do and that its run never came to: nobody is in any branch."""
    none = Rows("", 0, 1, 0).to_json()
    lists = dict.fromkeys(step_ids(task), none)
    return {"done": False, "branch": "", "then": 0, "else": 0, "records": 0, "failed": 0, "rows": none, "lists": lists}


def picked_answer(task: Task, answer: Answer) -> Answer:
    """An answer whose lists are those records only that a replay is to do."""
    found, picks = dict(answer), (task.run.origin.picks if task.run.origin else None) or {}
    if "rows" in found:
        source = step_ids(task)[0]
        found["rows"] = pick_records(task.folder, source, found["rows"], picks.get(source, ()))
    if "lists" in found:
        lists = found["lists"].items()
        found["lists"] = {each: pick_records(task.folder, each, rows, picks.get(each, ())) for each, rows in lists}
    return found


def _adopted(task: Task, work: Work | None) -> dict[str, Any] | None:
    """What an earlier run has done on the same ``work`` (None: on any), with its results made this run's."""
    found = _earlier(task, done_name(task))
    if found is None or (work is not None and work() != found[1]["hash"]):
        return None
    _take(task, found[0])
    task.folder.write(done_name(task), found[1])
    return found[1]


def earlier_done(task: Task) -> tuple[str, dict[str, Any]] | None:
    """The run this one goes on from that is through with the Task, and what it kept: ``{hash, answer}``."""
    return _earlier(task, done_name(task))


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


def partial_pointer(step_id: str, chunk: int) -> str:
    """Where it stands which of them the run has written last."""
    return f"partial/{step_id}/{chunk:05d}.at"


def find_partial(task: Task, name: str) -> str | None:
    """The finished records of a chunk: this run's, or those of a run it goes on from."""
    names = [name, *(f"/{base}/{name}" for base in earlier_runs(task))]
    return next((each for each in names if task.folder.exists(each)), None)


def earlier_runs(task: Task) -> tuple[str, ...]:
    """The runs whose results the Task may take, the newest first; none when it is to be done again."""
    return () if _again(task) else _bases(task)


def _bases(task: Task) -> tuple[str, ...]:
    return task.run.origin.bases if task.run.origin else ()


def _again(task: Task) -> bool:
    """Whether the run was told to do the Task again."""
    return task.run.origin is not None and not task.run.origin.redo.isdisjoint(step_ids(task))


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
        lead_to(task.folder, found_in(task.folder, base, step_id, task.chunk), step_id, task.chunk)
        letters = chunk_letters(task.folder, step_id, task.chunk or 0, f"/{base}/")
        left = [
            letter for letter in letters if letter["record"] not in (task.picks or ()) and is_open(task.folder, base, letter)
        ]
        if left:  # those of the records that a replay does are not: it does them again
            keep_letters(task.folder, step_id, task.chunk or 0, left)
        keep_settled(task.folder, step_id, task.chunk or 0, settled(task.folder, step_id, task.chunk or 0, f"/{base}/"))
        stats = f"stats/{step_id}/{file}.json"
        counts = task.folder.find(f"/{base}/{stats}")
        if counts is not None:
            task.folder.write(stats, _counted(counts))


def _counted(counts: dict[str, int]) -> dict[str, int]:
    """The same records, as reused; a count such as ``read:3500`` stands for so many. What was not done is not reused."""
    same = {name: count for name, count in counts.items() if name in _NOT_DONE and count}
    done = {name: count for name, count in counts.items() if name not in _NOT_DONE and not name.startswith(f"{CALLED}:")}
    reused = sum(count * int(name.partition(":")[2] or 1) for name, count in done.items())
    return {REUSED: reused, **same} if reused else same


def _never_done(task: Task) -> RunError:
    where = "" if task.chunk is None else f" for chunk {task.chunk}"
    base = task.run.origin.base if task.run.origin else ""
    text = f"{task.name} is to be taken from {base}, and that run never finished it{where}"
    hint = f"begin with an earlier step, such as {step_ids(task)[0]}, or resume the run: what it is through with is taken"
    return RunError(text, code="R155", hint=hint, place=Place(step=task.name))
