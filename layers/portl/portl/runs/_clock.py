from __future__ import annotations

import os
import time


def sleep(seconds: float) -> None:
    """Waits inside a function. ``PORTL_TIME_SCALE`` (1.0) shortens every wait of a run, as the engine's clock does."""
    time.sleep(max(0.0, seconds) * float(os.environ.get("PORTL_TIME_SCALE", "1")))
