"""``store.wait``: the job goes on when a file is there and is not written any more. Nothing runs while it waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from portl.jobs import ResultShape
from portl.runs import AwaitFiles, Scope, StepType, run_wait
from portl.steps._looking import AtPath, PathSpec

DEFAULT_S = 3_600.0
MOST_LOOKS = 1_000
"""A look and its wait take about a dozen events, and an execution ends at 25,000.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""


class StoreWait(PathSpec):
    """Waits until a file, or any of a pattern, is there and has been the same for ``stable_s`` seconds."""

    path: str = Field(description="A file, or a pattern: all that fits it must have been the same for so long.")
    stable_s: float = Field(default=10, ge=0, le=3_600, description="How long size and etag must be the same, in seconds.")
    timeout_s: float | None = Field(default=DEFAULT_S, gt=0, le=82_800, description="How long it waits in all, in seconds.")
    every_s: float = Field(default=10, ge=1, le=3_600, description="The pause between two looks, in seconds.")

    shape: ClassVar[ResultShape] = ResultShape(frozenset({"exists", "size", "modified", "etag", "version", "count"}))
    waits: ClassVar[bool] = True

    def findings(self) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
        """It looks no more often than a machine can remember, and has the time to."""
        total = self.timeout_s or DEFAULT_S
        if total / self.every_s > MOST_LOOKS:
            hint = f"write every_s: {-(-total // MOST_LOOKS):.0f}, or a shorter timeout_s"
            yield ("every_s",), "J004", f"{total / self.every_s:,.0f} looks are more than a state machine can remember", hint
        if self.stable_s >= total:
            yield (
                ("stable_s",),
                "J004",
                "it cannot have been the same for so long: timeout_s is not longer",
                "a longer timeout_s",
            )


class Waiting(AtPath[StoreWait]):
    """A store.wait made ready."""

    def plan(self, scope: Scope) -> AwaitFiles:
        """What to wait for."""
        spec = self._spec
        return AwaitFiles(self._address(scope), spec.stable_s, spec.timeout_s or DEFAULT_S, spec.every_s)

    def outcome(self, _: Any) -> str:
        """It is there."""
        return "there"


STEP = StepType("store.wait", StoreWait, Waiting, run_wait)
