"""What a record counts as in the summary that its step has not done, or not now. What it has done, the step types name."""

from __future__ import annotations

CALLED = "called"
"""Its API was called; ``called:3`` beside ``read:40`` are the calls that it took to read these."""
LEFT_OUT = "left out"
"""A branch or a ``when`` left it out."""
FAILED, FAILED_BEFORE, ROLLED_BACK = "failed", "failed before", "rolled back"
"""At the step that failed, at steps behind it, at steps of its unit that were taken back."""
REUSED = "reused"
"""An earlier run is through with it."""
REPLAYED = "answered as before"
"""Its unit had been done already."""
NOT_DONE_NOW = frozenset({LEFT_OUT, FAILED, FAILED_BEFORE, ROLLED_BACK, REUSED, REPLAYED})


def records_in(said: str, number: int) -> int:
    """How many records were done, of those that count as ``said``: ``read:40`` stands for forty, calls beside it for none."""
    kind, _, many = said.partition(":")
    if said in NOT_DONE_NOW or (many and not many.isdigit()) or (many and kind == CALLED):
        return 0  # what is no number is a plan's name for one
    return int(many or 1) * number
