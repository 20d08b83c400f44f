"""``store.move``: files are moved; the source goes only when its copy has been compared, and only if it is what was copied."""

from __future__ import annotations

from typing import ClassVar

from portl.jobs import ResultShape
from portl.runs import StepType, run_step
from portl.steps._transferring import Transferring, TransferSpec

_ONE = frozenset({"path", "size", "checksum", "action"})
_MANY = frozenset({"count", "bytes", "moved", "skipped", "unchanged"})


class StoreMove(TransferSpec):
    """Moves a file, or the files of a pattern. What was copied and compared is removed from where it was."""

    shape: ClassVar[ResultShape] = ResultShape(_ONE | _MANY)


class Moving(Transferring):
    """A store.move made ready."""

    moves: ClassVar[bool] = True
    done: ClassVar[str] = "moved"


STEP = StepType("store.move", StoreMove, Moving, run_step)
