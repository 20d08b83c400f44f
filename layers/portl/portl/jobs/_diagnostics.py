from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

CODES: dict[str, str] = {
    "J001": "the file is no YAML that a job can be read from",
    "J002": "a field is unknown",
    "J003": "a required field is missing",
    "J004": "a value has the wrong type or is not one of those allowed",
    "J005": "a step type is unknown",
    "J006": "a name stands twice",
    "J007": "a name cannot be used",
    "J101": "an expression is not valid",
    "J201": "an expression reads a step that does not exist",
    "J202": "an expression reads a step that stands later",
    "J203": "an expression reads a field that the step's result does not have",
    "J204": "a connection is unknown, or is of another kind",
    "J205": "an expression reads a parameter that is not declared",
    "J206": "an expression reads a name that does not exist",
    "J207": "a key column is not in the mapping",
    "J208": "a batch goes over something that is no list",
    "J209": "results do not line up: another batch, or no index",
    "J210": "steps over the same records ask for different chunk sizes",
    "J301": "a transaction would need two databases",
    "J302": "a call stands inside the transaction and a later database step reads its answer",
    "J303": "the transaction has no database step, or its connection is no database",
    "J304": "SQL text holds an expression, or its places and its params differ",
    "J305": "a step stands inside the transaction that cannot be there",
    "J306": "a call stands between database steps whose order matters",
    "J307": "a file that a step names cannot be taken",
    "J401": "this version cannot do that yet",
}
"""Every code of a diagnostic, with what it means in one line."""


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding in a job file. ``line`` and ``column`` count from 1; ``path`` is the way to the value, from the top."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column} {self.code} {self.message}"
        return f"{text}; {self.hint}" if self.hint else text


def closest(name: str, known: Iterable[str]) -> str:
    """``did you mean "x"?`` for the nearest of ``known``, or the list of them, or nothing."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known here: {', '.join(names[:12])}" if names else ""
