from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portl.errors import PortlError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)

RULES: dict[str, str] = {
    "S101": "the definition, or a part of it, is not what stands there in the states language",
    "S102": "the machine, or a state, uses JSONPath",
    "S103": "a field that the states language does not know",
    "S104": "a field that does not belong in this place",
    "S105": "a field that the local engine does not run yet",
    "S106": "a field that must be there is missing",
    "S107": "a field has the wrong type, or is out of range",
    "S108": "a type of state that does not exist, or that the local engine does not run",
    "S109": "a Resource that the local engine does not run",
    "S201": "a name is too long, or has characters that are not allowed",
    "S202": "two states of the machine have one name",
    "S203": "a transition leads to a state that is not there",
    "S204": "a state cannot be reached",
    "S205": "no state ends the machine, or this part of it",
    "S206": "a state must have either Next or End",
    "S207": "two Maps have one label",
    "S208": "the definition is longer than Step Functions takes",
    "S301": "a variable is read that nothing assigns",
    "S302": "a variable is read that is not assigned on every way there",
    "S303": "a distributed Map's child reads a variable from outside",
    "S304": "a variable is assigned inside that is assigned outside already",
    "S305": "a variable cannot have this name",
    "S401": "an expression does not parse",
    "S402": "an expression uses what Step Functions refuses",
    "S403": "a field of $states is read where it is not there",
    "S404": "the braces {% %} are not the first and last characters",
    "S405": "an expression reads an input document, and there is none",
    "S501": "States.ALL must stand alone",
    "S502": "States.ALL must stand last",
    "S503": "an error name begins with States. and is none of AWS's",
    "S601": "a ${placeholder} that the template does not fill",
}
"""Every code of the check and what it means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a definition; ``path`` is a JSON path such as ``$.States.read_csv.Catch[0].Next``."""

    code: str
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.code} {self.message}" + (f"; {self.hint}" if self.hint else "")


class MachineError(PortlError):
    """A definition cannot be run; ``findings`` holds everything that is wrong in it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        lines = "\n".join(str(one) for one in findings)
        super().__init__(lines, code=findings[0].code, hint="correct the definition, or compile the job again")
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return self.message


def inside(path: str, *keys: str | int) -> str:
    """The JSON path of something inside ``path``."""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        elif _PLAIN.fullmatch(key):
            path += f".{key}"
        else:
            path += "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return path
