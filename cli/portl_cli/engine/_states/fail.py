from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._failure import Failure
from portl_cli.engine._states.fields import Definition, optional, text

if TYPE_CHECKING:
    from portl_cli.engine._states.base import Step, Visit
    from portl_cli.engine._value import Value


@dataclass(frozen=True, slots=True)
class Fail:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html."""

    kind: ClassVar[str] = "Fail"
    name: str
    error: Value | None
    cause: Value | None
    retriers: tuple[()] = ()
    catchers: tuple[()] = ()

    def run(self, visit: Visit) -> Step:
        bindings = visit.bindings()
        error = text(self.error, bindings, "Error") if self.error else None
        cause = text(self.cause, bindings, "Cause") if self.cause else None
        raise Failure(error, cause)


def read(name: str, definition: Definition) -> Fail:
    return Fail(name, optional(definition, "Error"), optional(definition, "Cause"))
