"""What something broken in a job's form could explain is not told as a mistake of its own."""

from __future__ import annotations

import re

from portl.jobs._diagnostics import Diagnostic
from portl.jobs._mending import Broken, is_step, like
from portl.jobs._yaml import Path

_BESIDE: dict[str, tuple[str, ...]] = {
    "J204": ("connection",),
    "J206": ("batch",),
    "J207": ("key", "mapping", "update_columns", "newer_by", "conflict"),
    "J208": ("batch",),
    "J209": ("batch",),
    "J210": ("batch",),
    "J212": ("retry", "conflict", "update_columns"),
    "J304": ("sql", "params", "sql_file"),
    "J306": ("batch",),
}
"""The fields of the step itself that could explain a finding."""
_ABOVE: dict[str, tuple[str, ...]] = {
    "J204": ("connections", "transaction"),
    "J205": ("params",),
    "J301": ("connections",),
    "J303": ("connections",),
}
"""The fields of the job that could."""
_NEEDS_ALL = frozenset({"J004", "J302", "J305", "J306"})
"""Findings of a step that any broken field of it could explain."""


def honest(found: list[Diagnostic], broken: Broken) -> list[Diagnostic]:
    """Those findings that nothing broken could explain."""
    reasons = (_filled, _beside, _above, _renamed)
    return [each for each in found if not any(reason(each, broken) for reason in reasons)]


def _filled(finding: Diagnostic, broken: Broken) -> bool:
    """The value is not the job's own."""
    return finding.path in broken.places


def _beside(finding: Diagnostic, broken: Broken) -> bool:
    """A broken field of the same step is the reason, or of a conditional around it."""
    owners = _owners(finding.path)
    if finding.code in _NEEDS_ALL and owners:
        return any(place[: len(owners[0])] == owners[0] for place in broken.places)
    fields = _BESIDE.get(finding.code, ())
    return bool(fields) and any(broken.touches(owner, *fields) for owner in owners)


def _above(finding: Diagnostic, broken: Broken) -> bool:
    """What it misses may stand in a part of the job that cannot be read: all of ``params``, or one of them."""
    fields = _ABOVE.get(finding.code, ())
    return bool(fields) and any(
        len(place) <= len(("params", "name")) and like(str(place[0]), fields) for place in broken.places
    )


def _renamed(finding: Diagnostic, broken: Broken) -> bool:
    """The name that is not found is one that could not be read, or like it; a step without any name may have any."""
    if finding.code not in ("J201", "J202", "J206"):
        return False
    if broken.unnamed and finding.code != "J206":
        return True
    quoted = re.search(r'"([^"]*)"', finding.message)
    return quoted is not None and like(quoted[1], tuple(broken.lost))


def _owners(path: Path) -> list[Path]:
    """The steps around a place, the innermost first."""
    return [path[:end] for end in range(len(path), 0, -1) if is_step(path[:end])]
