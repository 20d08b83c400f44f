"""What something broken in a job's form could explain is not told as a mistake of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def honest(found: list[Diagnostic], broken: Broken) -> Iterator[Diagnostic]:
    """Those findings that nothing broken could explain."""
    for each in found:
        owner = _owner(each.path)
        beside = owner and broken.touches(owner, *_BESIDE.get(each.code, ()))
        above = _ABOVE.get(each.code, ())
        if above and any(len(place) <= len(("params", "name")) and like(str(place[0]), above) for place in broken.places):
            continue
        if each.path in broken.places or (beside and each.code in _BESIDE):
            continue
        if each.code in _NEEDS_ALL and owner and any(place[: len(owner)] == owner for place in broken.places):
            continue
        if each.code in ("J201", "J202", "J206") and (_named(each, broken) or (broken.unnamed and each.code != "J206")):
            continue
        yield each


def _owner(path: Path) -> Path:
    """The innermost step around a place."""
    return next((path[:end] for end in range(len(path), 0, -1) if is_step(path[:end])), ())


def _named(finding: Diagnostic, broken: Broken) -> bool:
    """Whether the name that is not found is one that was lost, or like it."""
    quoted = re.search(r'"([^"]*)"', finding.message)
    return quoted is not None and like(quoted[1], tuple(broken.lost))
