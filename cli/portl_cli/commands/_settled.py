"""The records of a run that were kept aside, and which of them a replay has brought through since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DEAD = "dead"
REPLAYED = "replayed"
ATTEMPTS = "attempts"


def read_letters(folder: Path, *, own: bool = False) -> Iterator[dict[str, Any]]:
    """Every letter of a run: ``{step, record, from, error, …}``, ``record`` an index, ``from`` the step to begin with again.

    ``own``: only those that the run wrote itself, none of a unit that an earlier run had done.
    """
    attempts = {_attempt(folder, pointer) for pointer in folder.glob("results/**/*.at")}
    mine = {place for place in attempts if place.parent.name == ATTEMPTS and (not own or folder in place.parents)}
    for place in (folder, *sorted(mine)):
        for file in sorted((place / DEAD).glob("*/*.jsonl")):
            yield from (json.loads(line) for line in file.read_text("utf-8").splitlines())


def _attempt(folder: Path, pointer: Path) -> Path:
    """The attempt whose results count, which has the letters of its unit."""
    return folder.parent / str(json.loads(pointer.read_text("utf-8"))["at"]).lstrip("/")


def open_letters(folder: Path) -> list[dict[str, Any]]:
    """The letters whose record no replay has brought through."""
    return [letter for letter in read_letters(folder) if not _settled(folder, letter["step"], letter["record"]).is_file()]


def settle(folder: Path, records: Iterable[int], run: str) -> None:
    """Says in a run that ``run`` has brought these records through."""
    wanted = set(records)
    for letter in open_letters(folder):
        if letter["record"] in wanted:
            file = _settled(folder, letter["step"], letter["record"])
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_suffix(".new")
            new.write_text(json.dumps({"run": run}) + "\n", "utf-8")
            new.replace(file)


def _settled(folder: Path, step: str, record: int) -> Path:
    return folder / REPLAYED / step / f"{record}.json"
