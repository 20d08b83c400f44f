"""``store.copy``: files are copied from one place to another, each whole or not at all, and compared."""

from __future__ import annotations

from typing import ClassVar

from portl.jobs import ResultShape
from portl.runs import StepType, run_step
from portl.steps._transferring import Transferring, TransferSpec

_ONE = frozenset({"path", "size", "checksum", "action"})
_MANY = frozenset({"count", "bytes", "copied", "skipped", "unchanged"})


class StoreCopy(TransferSpec):
    """Copies a file, or the files of a pattern. A target with the same content counts as done."""

    shape: ClassVar[ResultShape] = ResultShape(_ONE | _MANY)


STEP = StepType("store.copy", StoreCopy, Transferring, run_step)
