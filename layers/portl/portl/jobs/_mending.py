"""A job whose form is wrong in places, read without them: so that one mistake hides no other.

What cannot be read is taken out, what is missing is filled with something that means nothing. Of what the rules then find,
``_explained.py`` leaves out what either could be the reason of.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

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
            if len(place) > len(owner) and place[: len(owner)] == owner and like(str(place[len(owner)]), fields):
                return True
        return False


NOTHING_BROKEN = Broken()


def like(name: str, fields: tuple[str, ...]) -> bool:
    """Whether a name is one of the fields, or may be a misspelt one."""
    return bool(difflib.get_close_matches(name, fields, n=1, cutoff=_NEAR))


def mended(raw: Mapping[str, Any], context: dict[str, Any]) -> tuple[Job, Broken] | None:
    """The job without what is wrong in its form, and what that was; None when nothing is left to look at."""
    mending = _Mending(copy.deepcopy(dict(raw)), context["step_types"])
    for _ in range(ROUNDS):
        try:
            job = Job.model_validate(mending.raw, context=context)
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
        while path and isinstance(path[-1], int) and not is_step(path):
            path = path[:-1]
        if not path or is_step(path):
            return
        holder = value_at(self.raw, path[:-1])
        if not isinstance(holder, dict) or path[-1] not in holder:
            return
        if path[-1] in ("id", "save_as"):
            self._lost.update((str(holder[path[-1]]), *re.findall(r"\w+", str(holder[path[-1]]))))
        if path == ("steps",):
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
        elif is_step(owner) and name == "id":
            self._unnamed = self._unnamed or not self._lost
            holder[name] = self._free_name()
        elif is_step(owner):
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
        while path and not is_step(path):
            path = path[:-1]
        if not path:
            return
        raw = value_at(self.raw, path)
        if isinstance(raw, dict) and raw.keys() & {"if", "then", "else"} and raw.get("type") != "conditional":
            raw["type"] = "conditional"
            self._places.add((*path, "type"))
            return
        self._places.add(path)
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


def is_step(path: Path) -> bool:
    """Whether a place of the job is that of a step."""
    return len(path) > 1 and isinstance(path[-1], int) and path[-2] in _LISTS_OF_STEPS
