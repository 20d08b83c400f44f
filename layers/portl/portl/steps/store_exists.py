"""``store.exists``: whether a file is under an address, and what the store tells of it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from portl.jobs import ResultShape
from portl.runs import LookAt, Scope, StepType, run_step
from portl.steps._looking import AtPath, PathSpec


class StoreExists(PathSpec):
    """Looks whether a file is there; a folder is none, for not every store has folders."""

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"exists", "size", "modified", "etag", "version"}))
    files: ClassVar[Literal["none", "read", "changed"]] = "read"


class Looking(AtPath[StoreExists]):
    """A store.exists made ready."""

    def plan(self, scope: Scope) -> LookAt:
        """What to look at."""
        return LookAt(self._address(scope))

    def outcome(self, result: Any) -> str:
        """Whether it is there."""
        return "there" if result["exists"] else "not there"


STEP = StepType("store.exists", StoreExists, Looking, run_step)
