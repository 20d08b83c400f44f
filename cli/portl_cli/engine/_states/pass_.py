from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._states.fields import Definition, read_exit

if TYPE_CHECKING:
    from portl_cli.engine._states.base import Exit, Step, Visit


@dataclass(frozen=True, slots=True)
class Pass:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html."""

    kind: ClassVar[str] = "Pass"
    name: str
    exit: Exit
    retriers: tuple[()] = ()
    catchers: tuple[()] = ()

    def run(self, visit: Visit) -> Step:
        return self.exit.leave(visit.bindings(), visit.data)


def read(name: str, definition: Definition) -> Pass:
    return Pass(name, read_exit(definition))
