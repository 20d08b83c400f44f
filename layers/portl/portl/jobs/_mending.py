"""A job whose form is wrong in places, read without them: so that one mistake hides no other.

What cannot be read is taken out, what is missing is filled with something that means nothing. What the rules then find is
told only where neither could be the reason.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from portl.jobs._diagnostics import Diagnostic
from portl.jobs._models import Batch, Job, StepSpec
from portl.jobs._yaml import Path, value_at

ROUNDS = 20
"""Each takes every mistake out that pydantic sees; those behind them are seen in the next."""
STAND_IN = "_unreadable_"
"""How the names begin that steps without a readable one are given."""
_LISTS_OF_STEPS = ("steps", "then", "else")
_FILLED: dict[str, Any] = {"version": 2, "job": "unnamed", "if": "{{ false }}"}
_NEAR = 0.5


@dataclass(frozen=True, slots=True)
class Broken:
    """What of a job could not be read: ``places`` were taken out or filled, ``lost`` are names that nobody has now."""

    places: frozenset[Path] = frozenset()
    lost: frozenset[str] = frozenset()
    unreadable: bool = False
    """Whether a step could not be read at all."""
    unnamed: bool = False
    """Whether a step has no name, so that every unknown name may be its."""

    def touches(self, owner: Path, *fields: str) -> bool:
        """Whether one of the fields of the mapping at ``owner`` is broken, or stands there under a name like it."""
        for place in self.places:
            if place == owner:
                return True
            if len(place) > len(owner) and place[: len(owner)] == owner and _like(str(place[len(owner)]), fields):
                return True
        return False


NOTHING_BROKEN = Broken()


def _like(name: str, fields: tuple[str, ...]) -> bool:
    return bool(difflib.get_close_matches(name, fields, n=1, cutoff=_NEAR))


def mended(raw: Mapping[str, Any], step_types: Mapping[str, type[StepSpec]]) -> tuple[Job, Broken] | None:
    """The job without what is wrong in its form, and what that was; None when nothing is left to look at."""
    mending = _Mending(copy.deepcopy(dict(raw)), step_types)
    for _ in range(ROUNDS):
        try:
            job = Job.model_validate(mending.raw, context={"step_types": step_types})
        except ValidationError as problem:
            if not mending.take_out(problem):
                return None
        else:
            return job, mending.broken()
    return None


class _Mending:
    def __init__(self, raw: dict[str, Any], step_types: Mapping[str, type[StepSpec]]) -> None:
        self.raw = raw
        self._types = step_types
        self._places: set[Path] = set()
        self._lost: set[str] = set()
        self._stand_ins = 0
        self._unreadable = self._unnamed = False

    def broken(self) -> Broken:
        return Broken(frozenset(self._places), frozenset(self._lost), self._unreadable, self._unnamed)

    def take_out(self, problem: ValidationError) -> bool:
        """Takes out, or fills, what one look found wrong; false when that changed nothing."""
        before = copy.deepcopy(self.raw)
        # All are found before one is changed: a place behind something taken out would lead to what stands around it.
        errors = [(error, self._known(error["loc"])) for error in problem.errors()]
        for error, path in errors:
            if error["type"] in ("step", "step_type", "missing_type"):
                self._stand_in(path)
            elif error["type"] == "missing":
                self._fill(path, str(error["loc"][-1]))
            else:
                self._remove(path)
        return self.raw != before

    def _known(self, loc: Path) -> Path:
        """``loc`` without the marks that pydantic adds for unions and for keys."""
        path: Path = ()
        for part in loc:
            holder = value_at(self.raw, path)
            if (isinstance(holder, dict) and part in holder) or (isinstance(holder, list) and isinstance(part, int)):
                path = (*path, part)
        return path

    def _remove(self, path: Path) -> None:
        while path and isinstance(path[-1], int) and not _is_step(path):
            path = path[:-1]
        if not path or _is_step(path):
            return
        holder = value_at(self.raw, path[:-1])
        if not isinstance(holder, dict) or path[-1] not in holder:
            return
        if path[-1] in ("id", "save_as"):
            self._lost.update((str(holder[path[-1]]), *re.findall(r"\w+", str(holder[path[-1]]))))
        if path == ("steps",):
            holder["steps"] = []
            self._unnamed = self._unreadable = True
        self._places.add(path)
        del holder[path[-1]]

    def _fill(self, owner: Path, name: str) -> None:
        """Something harmless where a field is missing; a step without an id, and what cannot be filled, is replaced."""
        self._places.add((*owner, name))
        holder = value_at(self.raw, owner)
        if not isinstance(holder, dict):
            return
        if owner == () and name == "steps":
            holder[name] = [self._nobody({})]
            self._unnamed = self._unreadable = True
        elif owner == () or name == "if":
            holder[name] = _FILLED[name]
        elif _is_step(owner) and name == "id":
            self._unnamed = self._unnamed or not self._lost
            holder[name] = self._free_name()
        elif _is_step(owner):
            holder[name] = self._harmless(self._types[holder["type"]], name)
        else:
            self._remove(owner)

    def _harmless(self, model: type[StepSpec], name: str) -> Any:
        field = next(item for key, item in model.model_fields.items() if (item.alias or key) == name)
        kind = getattr(field.annotation, "__origin__", field.annotation)
        word = self._free_name()
        return {word: None} if kind is dict else [word] if kind is list else word

    def _free_name(self) -> str:
        self._stand_ins += 1
        return f"{STAND_IN}{self._stand_ins}"

    def _stand_in(self, path: Path) -> None:
        while path and not _is_step(path):
            path = path[:-1]
        if not path:
            return
        raw = value_at(self.raw, path)
        self._places.add(path)
        if isinstance(raw, dict) and raw.keys() & {"if", "then", "else"} and raw.get("type") != "conditional":
            raw["type"] = "conditional"
            return
        self._unreadable = True
        value_at(self.raw, path[:-1])[path[-1]] = self._nobody(raw if isinstance(raw, dict) else {})

    def _nobody(self, raw: dict[str, Any]) -> StepSpec:
        """A step that cannot be read, as far as the others need it: its names and its batch."""
        given = {name: raw[name] for name in ("id", "save_as") if isinstance(raw.get(name), str)}
        self._unnamed = self._unnamed or "id" not in given
        try:
            batch = Batch.model_validate(raw["batch"]) if raw.get("batch") else None
            return StepSpec(**{"id": self._free_name(), "type": str(raw.get("type")), **given, "batch": batch})
        except ValidationError:
            self._lost.update(given.values())
            return StepSpec(id=self._free_name(), type=str(raw.get("type")))


def _is_step(path: Path) -> bool:
    return len(path) > 1 and isinstance(path[-1], int) and path[-2] in _LISTS_OF_STEPS


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
        if above and any(len(place) <= len(("params", "name")) and _like(str(place[0]), above) for place in broken.places):
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
    return next((path[:end] for end in range(len(path), 0, -1) if _is_step(path[:end])), ())


def _named(finding: Diagnostic, broken: Broken) -> bool:
    """Whether the name that is not found is one that was lost, or like it."""
    quoted = re.search(r'"([^"]*)"', finding.message)
    return quoted is not None and _like(quoted[1], tuple(broken.lost))
