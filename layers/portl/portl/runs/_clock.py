from __future__ import annotations

import os
import time


def scaled(seconds: float) -> float:
    """A wait as long as it really is. ``PORTL_TIME_SCALE`` (1.0) shortens every wait of a run, as the engine's clock does."""
    return max(0.0, seconds) * float(os.environ.get("PORTL_TIME_SCALE", "1"))


def unscaled(seconds: float) -> float:
    """How long a wait that really was so long counts as, the other way round."""
    scale = float(os.environ.get("PORTL_TIME_SCALE", "1"))
    return seconds / scale if scale else float("inf")


def sleep(seconds: float) -> None:
    """Waits inside a function."""
    time.sleep(scaled(seconds))
