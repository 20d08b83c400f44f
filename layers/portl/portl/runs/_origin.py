"""A run that goes on from an earlier one: what of it is taken, what is done again, and what makes that impossible.

``{"$resume": {"run": …}}`` in an execution's input makes a run that takes from ``run`` whatever has not changed since. With
``keep`` and ``redo``, lists of step ids, it takes the first whatever has changed and does the others again.
``{"$replay": {"run": …, "redo": …, "picks": {source: indexes}}}`` makes one that does the steps of ``redo`` again for some
records of the list that the step ``source`` made, and takes everything else as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portl.errors import RunError
from portl.jobs import PROFILE
from portl.runs._folder import RunFolder

RESUME = "$resume"
REPLAY = "$replay"
RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run goes on from: ``bases``, the run it was told and those that one came from, the newest first."""

    bases: tuple[str, ...]
    keep: frozenset[str] = frozenset()
    redo: frozenset[str] = frozenset()
    picks: Mapping[str, tuple[int, ...]] | None = None
    """For a replay: which records of which list, by the step that made it."""

    @property
    def base(self) -> str:
        """The run it was told."""
        return self.bases[0]

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` has it."""
        found = {"bases": list(self.bases), "keep": sorted(self.keep), "redo": sorted(self.redo)}
        return found if self.picks is None else {**found, "picks": self.picks}

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Origin | None:
        """The origin in ``run.json``, None for a run of its own."""
        if kept is None:
            return None
        return cls(tuple(kept["bases"]), frozenset(kept["keep"]), frozenset(kept["redo"]), _picks(kept))

    @classmethod
    def told(cls, mark: Mapping[str, Any], base: Mapping[str, Any]) -> Origin:
        """The origin that an input's mark says; ``base`` is the ``run.json`` of its run."""
        earlier = cls.of(base.get("origin"))
        bases = (str(mark["run"]), *(earlier.bases if earlier else ()))
        return cls(bases, frozenset(mark.get("keep", ())), frozenset(mark.get("redo", ())), _picks(mark))


def _picks(mark: Mapping[str, Any]) -> dict[str, tuple[int, ...]] | None:
    picks = mark.get("picks")
    return None if picks is None else {source: tuple(sorted(set(records))) for source, records in picks.items()}


def read_base(folder: RunFolder, run_id: str, job: str) -> dict[str, Any]:
    """What an earlier run of the job has kept of its beginning. ``folder`` is any of the same root.

    Raises:
        RunError: R151, it is not there or never began; R152, it is one of another job; R156, it is a replay; R160, it was
            made under another profile, so its work is in other places.
    """
    name = f"/{run_id}/{RUN_FILE}"
    if not folder.exists(name):
        text = f"there is no run {run_id} to go on from, or it ended before its first step"
        raise RunError(text, code="R151", hint="`portl runs list` names the runs; without --resume the job begins anew")
    kept: dict[str, Any] = folder.read(name)
    if kept["job"] != job:
        text = f"{run_id} is a run of {kept['job']}, and this is the job {job}"
        raise RunError(text, code="R152", hint="name a run of this job")
    if kept.get("origin", {}).get("picks") is not None:
        text = f"{run_id} is a replay of some records of {kept['base']}, and has not the others"
        raise RunError(text, code="R156", hint=f"name {kept['base']} itself")
    _check_profile(run_id, kept)
    return kept


def _check_profile(run_id: str, kept: Mapping[str, Any]) -> None:
    earlier, now = kept.get("profile"), os.environ.get(PROFILE) or None
    if "profile" in kept and earlier != now:
        was = f"under the profile {earlier}" if earlier else "without a profile"
        text = f"{run_id} was made {was}, and this is {f'under {now}' if now else 'without one'}"
        hint = f"say --profile {earlier}" if earlier else f"leave out --profile, and unset {PROFILE}"
        raise RunError(text, code="R160", hint=f"{hint}; other places are other work, which a run of its own does")
