"""What a record counts as in the summary that its step has not done, or not now. What it has done, the step types name."""

from __future__ import annotations

LEFT_OUT = "left out"
"""A branch or a ``when`` left it out."""
FAILED, FAILED_BEFORE, ROLLED_BACK = "failed", "failed before", "rolled back"
"""At the step that failed, at steps behind it, at steps of its unit that were taken back."""
REUSED = "reused"
"""An earlier run is through with it."""
REPLAYED = "answered as before"
"""Its unit had been done already."""
NOT_DONE_NOW = frozenset({LEFT_OUT, FAILED, FAILED_BEFORE, ROLLED_BACK, REUSED, REPLAYED})
