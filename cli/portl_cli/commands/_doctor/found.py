"""What a look came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from portl.errors import PortlError
from portl.values import redact

State = Literal["ok", "warn", "fail"]
Kind = Literal["configuration", "authentication", "network", "permission"]
EXIT_CODES: dict[Kind, int] = {"configuration": 1, "authentication": 2, "network": 3, "permission": 4}
"""What the command ends with: the first of these that failed, for it is to be mended first."""


@dataclass(frozen=True, slots=True)
class Found:
    """One look: at ``what``, what it ``said``, and how to mend it. ``kind`` is of a failure."""

    what: str
    state: State
    said: str
    mend: str = ""
    kind: Kind | None = None

    def document(self) -> dict[str, str | None]:
        """As JSON, secrets masked."""
        found: dict[str, str | None] = redact(
            {"what": self.what, "state": self.state, "said": self.said, "mend": self.mend or None, "kind": self.kind}
        )
        return found

    def lines(self) -> list[str]:
        """As people read it, secrets masked."""
        said = [f"{self.state:<4}  {self.what}  {self.said}", *([f"      {self.mend}"] if self.mend else [])]
        return [str(redact(line)) for line in said]


def failed(what: str, kind: Kind, problem: PortlError) -> Found:
    """A failure with what an error says of itself."""
    return Found(what, "fail", f"{problem.code} {' '.join(problem.message.split())}", problem.hint, kind)


def exit_code(found: Iterable[Found]) -> int:
    """0 when nothing failed."""
    kinds = {each.kind for each in found if each.state == "fail"}
    return next((code for kind, code in EXIT_CODES.items() if kind in kinds), 0)
