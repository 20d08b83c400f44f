"""What was asked of a run on AWS."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """See the options of ``portl run``. ``pace`` scales the pauses between questions to AWS."""

    job: Path
    params: tuple[str, ...]
    stack: str | None
    new_key: bool
    resume: str | None
    from_step: str | None
    follow: str | None
    dry_run: bool
    deployed: bool
    wait: bool
    as_json: bool
    pace: float

    @property
    def where(self) -> str:
        """What ends a command that goes on with the run."""
        return " ".join(["--on aws", *(["--stack", shlex.quote(self.stack)] if self.stack else [])])
