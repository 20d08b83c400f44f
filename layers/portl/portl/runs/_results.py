"""Results of steps, by reference: written once, read lazily by the expressions that name them.

``results/<step>.json`` is the result of a step that ran once, ``results/<step>/<part>.jsonl`` has one result a record, in the
records' own order and parts, null for a record that a branch or a ``when`` left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portl.jobs import StepSpec
from portl.runs._folder import RunFolder, damaged
from portl.runs._ranges import Open
from portl.runs._rows import Rows, RowsReader
from portl.runs._units import find_result
from portl.values import Unknown

PER_RECORD = "[]"
"""The mark behind a step's id in a Task's ``reads``: it has one result a record."""


def part_name(step_id: str, part: int) -> str:
    """Where the results of a step stand for one chunk."""
    return f"results/{step_id}/{part:05d}.jsonl"


class PerRecord:
    """A step's results by record index; of several steps under one name (branches) the first that is not null."""

    def __init__(self, folder: RunFolder, ids: Sequence[str], size: int, fresh: Mapping[str, Mapping[int, Any]]) -> None:
        self._folder, self._ids, self._size, self._fresh = folder, ids, size, fresh
        self._parts: dict[str, tuple[int, list[Any] | None]] = {}

    def read(self, index: str | int) -> Any:
        """The result of one record, null when the step left it out.

        Raises:
            IndexError: there is no such record.
            RunError: R123, the results are damaged or gone.
        """
        if not isinstance(index, int) or index < 0:
            raise IndexError(index)
        found = [value for step_id in self._ids if (value := self._one(step_id, index)) is not None]
        if len(found) > 1 and any(value != found[0] for value in found):  # a plan walks both branches
            return Unknown.named(" or ".join(f"{step_id}[{index}]" for step_id in self._ids))
        return found[0] if found else None

    def _one(self, step_id: str, index: int) -> Any:
        fresh = self._fresh.get(step_id)
        if fresh is not None and index in fresh:
            return fresh[index]
        part = index // self._size
        kept = self._parts.get(step_id)
        if kept is None or kept[0] != part:
            kept = self._parts[step_id] = (part, self._lines(step_id, part))
        if kept[1] is None:
            return None
        if index % self._size >= len(kept[1]):
            raise damaged(part_name(step_id, part))
        return kept[1][index % self._size]

    def _lines(self, step_id: str, part: int) -> list[Any] | None:
        name = find_result(self._folder, step_id, part_name(step_id, part), part)
        return self._folder.read_lines(name) if self._folder.exists(name) else None


class StepsView:
    """``steps`` in an expression: every result that the Task's ``reads`` names, loaded when it is first used."""

    def __init__(self, folder: RunFolder, reads: Mapping[str, list[str]], size: int = 1, files: Open | None = None) -> None:
        self._folder, self._reads, self._size, self._files = folder, reads, size, files
        self._loaded: dict[str, Any] = {}
        self.fresh: dict[str, dict[int, Any]] = {}
        self.whole: dict[str, Any] = {}

    def read(self, name: str | int) -> Any:
        """The result under a name.

        Raises:
            KeyError: no step of that name.
        """
        if not isinstance(name, str) or name not in self._reads:
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = self._load(self._reads[name])
        return self._loaded[name]

    def forget(self, step_id: str) -> None:
        """Drops what was loaded of a step whose result has just been made anew."""
        for name, ids in self._reads.items():
            if step_id in ids:
                self._loaded.pop(name, None)

    def _load(self, ids: list[str]) -> Any:
        if ids[0].endswith(PER_RECORD):
            return PerRecord(self._folder, [each.removesuffix(PER_RECORD) for each in ids], self._size, self.fresh)
        for step_id in ids:
            name = find_result(self._folder, step_id, f"results/{step_id}.json")
            kept = self.whole[step_id] if step_id in self.whole else self._folder.find(name)
            if kept is not None and kept["value"] is not None:
                return _opened(self._folder, kept, self._files)
        return None


def kept_result(spec: StepSpec, result: Any) -> dict[str, Any]:
    """How the result of a step that ran once is kept. Only of a step that makes rows is ``{"$rows": …}`` a reference."""
    return {"value": result, "lists": sorted(spec.result_shape.lists)}


def _opened(folder: RunFolder, kept: Mapping[str, Any], files: Open | None) -> Any:
    """A kept result with its references made readable."""
    value = kept["value"]
    if not isinstance(value, dict):
        return value
    lists = {name: RowsReader(folder, Rows(**value[name]["$rows"]), files) for name in kept["lists"] if name in value}
    return {**value, **lists}
