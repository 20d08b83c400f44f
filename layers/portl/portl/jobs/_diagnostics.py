from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from portl.jobs._codes import CODES, Level

_SHOWN = 12


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding in a job file. ``line`` and ``column`` count from 1; ``path`` is the way to the value, from the top."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    path: tuple[str | int, ...] = field(default=(), compare=False)
    """Not compared: what stands behind an anchor is one finding, however many aliases lead to it."""

    @property
    def level(self) -> Level:
        """An ``error`` keeps the job from running, a ``warning`` does not."""
        return CODES[self.code].level

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column} {self.code} {self.message}"
        return f"{text}; {self.hint}" if self.hint else text


def closest(name: str, known: Iterable[str]) -> str:
    """``did you mean "x"?`` for the nearest of ``known``, or the list of them, or nothing."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    more = ", …" if len(names) > _SHOWN else ""
    return f"known here: {', '.join(names[:_SHOWN])}{more}" if names else ""


def none_of(name: str, given: object, expected: str) -> tuple[str, str]:
    """Message and hint for a value that is none of those allowed. ``expected`` is pydantic's list: ``'a', 'b' or 'c'``."""
    known = re.findall(r"'([^']*)'", expected)
    hint = closest(str(given), known)
    near = hint if hint.startswith("did") else ""
    shown = f'"{given}"' if isinstance(given, str) else repr(given)
    return f"{name}: {shown} is none of {', '.join(known)}", near
