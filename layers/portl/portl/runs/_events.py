"""Structured log lines ``{ts, level, run, step_id, idx?, event, details}``, the same in Lambda and on a laptop.

In Lambda they go to standard output, where CloudWatch reads them; locally to the file that ``PORTL_LOG`` names.
"""

from __future__ import annotations

import os
from typing import Any


def log(level: str, event: str, *, run: str, step_id: str, idx: int | None = None, **details: Any) -> None:
    """Writes one line. ``idx`` is the record's index in the batch, from 0."""
    from portl.runs._logger import logger

    emit = getattr(logger(os.environ.get("PORTL_LOG", "")), level)
    emit(event, run=run, step_id=step_id, idx=idx, details=details)
