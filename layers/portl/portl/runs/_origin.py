"""A run that goes on from an earlier one: what of it is taken, what is done again, and what makes that impossible.

``{"$resume": {"run": …}}`` in an execution's input makes a run that takes from ``run`` whatever has not changed since. With
``keep`` and ``redo``, lists of step ids, it takes the first whatever has changed and does the others again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portl.errors import RunError
from portl.runs._folder import RunFolder

RESUME = "$resume"
RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run goes on from: ``bases``, the run it was told and those that one came from, the newest first."""

    bases: tuple[str, ...]
    keep: frozenset[str] = frozenset()
    redo: frozenset[str] = frozenset()

    @property
    def base(self) -> str:
        """The run it was told."""
        return self.bases[0]

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` has it."""
        return {"bases": list(self.bases), "keep": sorted(self.keep), "redo": sorted(self.redo)}

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Origin | None:
        """The origin in ``run.json``, None for a run of its own."""
        if kept is None:
            return None
        return cls(tuple(kept["bases"]), frozenset(kept["keep"]), frozenset(kept["redo"]))

    @classmethod
    def told(cls, mark: Mapping[str, Any], base: Mapping[str, Any]) -> Origin:
        """The origin that an input's mark says; ``base`` is the ``run.json`` of its run."""
        earlier = cls.of(base.get("origin"))
        bases = (str(mark["run"]), *(earlier.bases if earlier else ()))
        return cls(bases, frozenset(mark.get("keep", ())), frozenset(mark.get("redo", ())))


def read_base(folder: RunFolder, run_id: str, job: str) -> dict[str, Any]:
    """What an earlier run of the job has kept of its beginning. ``folder`` is any of the same root.

    Raises:
        RunError: R151, it is not there or never began; R152, it is one of another job.
    """
    name = f"/{run_id}/{RUN_FILE}"
    if not folder.exists(name):
        text = f"there is no run {run_id} to go on from, or it ended before its first step"
        raise RunError(text, code="R151", hint="`portl runs list` names the runs; without --resume the job begins anew")
    kept: dict[str, Any] = folder.read(name)
    if kept["job"] != job:
        text = f"{run_id} is a run of {kept['job']}, and this is the job {job}"
        raise RunError(text, code="R152", hint="name a run of this job")
    return kept
