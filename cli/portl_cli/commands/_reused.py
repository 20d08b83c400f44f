"""What a run that went on from another one has taken from it, and what it did itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from portl.jobs import walk_steps
from portl.runs import FAILED, FAILED_BEFORE, LEFT_OUT, REUSED, ROLLED_BACK
from portl_cli.commands._again import all_failed_command, replayed_run
from portl_cli.commands._letters import letters_of
from portl_cli.commands._outcome import Told, base_of

NOT_DONE = (REUSED, LEFT_OUT, FAILED_BEFORE)


def reused_lines(told: Told) -> Iterator[str]:
    """The run, the steps and records taken from it, and the steps that were done; and what that run kept aside."""
    found = reused_document(told)
    if not found:
        return
    base, reused, done = found["base"], found["reused"], found["done"]
    taken = ", ".join(f"{step} {count:,}" for step, count in reused.items()) or "nothing"
    yield f"  reused of {base}: {taken}; done: {', '.join(done) or 'nothing'}"
    if found["aside_before"] and replayed_run(told.run_folder) is None:
        command = all_failed_command(told.run_folder, where=told.where)
        yield f"  {found['aside_before']:,} kept aside before, not tried again: {command}"


def reused_document(told: Told) -> dict[str, Any]:
    """``{base, reused, done, aside_before}``, empty for a run of its own.

    The run, records reused by step, the steps that did some, and how many letters of that run are still open.
    """
    base = base_of(told.run_folder)
    if base is None:
        return {}
    by_step = {step.id: told.outcome.by_step.get(step.id, Counter[str]()) for step in walk_steps(told.job.steps)}
    reused = {step: counts[REUSED] for step, counts in by_step.items() if counts.get(REUSED)}
    before, own = _letters(told)
    done = [step for step, counts in by_step.items() if _did(step, counts, own)]
    return {"base": base, "reused": reused, "done": done, "aside_before": before}


def _letters(told: Told) -> tuple[int, set[str]]:
    """How many letters the run has taken over, and the steps that wrote some of its own."""
    before, own = 0, set[str]()
    for letter in letters_of(told.run_folder):
        if letter.get("run") == told.run_folder.name:
            own.add(str(letter["step"]))
        else:
            before += 1
    return before, own


def _did(step: str, counts: Mapping[str, int], own: AbstractSet[str]) -> bool:
    """What was kept aside before is counted as it was then; taken back is what failed in this run, at whatever step."""
    then = {*NOT_DONE, *(() if step in own else (FAILED,)), *(() if own else (ROLLED_BACK,))}
    return any(count for name, count in counts.items() if name not in then)
