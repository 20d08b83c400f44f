"""The dead letters of a run, as its page shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from portl.runs import RunFolder, read_letters
from portl.stores import open_store

MOST_LETTERS = 100


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A record that was kept aside. ``request`` and ``value`` are JSON as text; ``request`` is empty where there was none."""

    step: str
    record: int
    place: str
    code: str
    message: str
    hint: str
    attempts: str
    begins: str
    called: str
    request: str
    value: str


def letter_lines(folder: Path) -> tuple[list[LetterLine], int]:
    """The first letters of a run by step and record, and how many more there are."""
    letters = read_letters(RunFolder(open_store(str(folder.parent)), folder.name))
    found = [_line(letter) for letter in islice(letters, MOST_LETTERS)]
    return found, sum(1 for _ in letters)


def _line(letter: Mapping[str, Any]) -> LetterLine:
    error = letter["error"]
    place = f"{letter['file']}:{letter['line']}" if "line" in letter else ""
    request = _text(letter["request"]) if letter["request"] else ""
    attempts = "" if letter.get("attempt") is None else str(letter["attempt"])
    return LetterLine(
        step=letter["step"],
        record=letter["record"] + 1,
        place=place,
        code=error["code"],
        message=error["message"],
        hint=error["hint"],
        attempts=attempts,
        begins=letter["from"],
        called=", ".join(letter.get("called", ())),
        request=request,
        value=_text(letter["value"]),
    )


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
