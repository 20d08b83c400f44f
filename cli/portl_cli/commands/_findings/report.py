from __future__ import annotations

from dataclasses import dataclass

from portl.jobs import Diagnostic


@dataclass(frozen=True, slots=True)
class Checked:
    """One job file and what was found in it. ``segments`` and ``payload_bytes`` describe the machine of a job that is right."""

    file: str
    findings: tuple[Diagnostic, ...] = ()
    segments: int | None = None
    payload_bytes: int | None = None

    @property
    def right(self) -> bool:
        """Whether the job compiles: warnings keep it from nothing."""
        return self.segments is not None

    def count(self, level: str) -> int:
        """How many findings are of a level."""
        return sum(each.level == level for each in self.findings)
