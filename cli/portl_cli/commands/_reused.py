"""What a run that went on from another one has taken from it, and what it did itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from portl.jobs import walk_steps
from portl.runs import FAILED_BEFORE, LEFT_OUT, REUSED
from portl_cli.commands._outcome import Told, base_of

NOT_DONE = (REUSED, LEFT_OUT, FAILED_BEFORE)


def reused_lines(told: Told) -> Iterator[str]:
    """One line: the run, the steps and records taken from it, and the steps that were done."""
    found = reused_document(told)
    if not found:
        return
    base, reused, done = found["base"], found["reused"], found["done"]
    taken = ", ".join(f"{step} {count:,}" for step, count in reused.items()) or "nothing"
    yield f"  reused of {base}: {taken}; done: {', '.join(done) or 'nothing'}"


def reused_document(told: Told) -> dict[str, Any]:
    """``{base, reused, done}``: the run, records reused by step, and the steps that did some; empty for a run of its own."""
    base = base_of(told.run_folder)
    if base is None:
        return {}
    by_step = {step.id: told.outcome.by_step.get(step.id, Counter[str]()) for step in walk_steps(told.job.steps)}
    reused = {step: counts[REUSED] for step, counts in by_step.items() if counts.get(REUSED)}
    return {"base": base, "reused": reused, "done": [step for step, counts in by_step.items() if _did(counts)]}


def _did(counts: Mapping[str, int]) -> bool:
    return any(count for name, count in counts.items() if name not in NOT_DONE)
