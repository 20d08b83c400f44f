from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._states.fields import Definition, optional, read_exit, text, unexpected, whole_number

if TYPE_CHECKING:
    from portl_cli.engine._jsonata import Bindings
    from portl_cli.engine._states.base import Exit, Step, Visit
    from portl_cli.engine._value import Value


@dataclass(frozen=True, slots=True)
class Wait:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html; has either ``seconds`` or ``timestamp``."""

    kind: ClassVar[str] = "Wait"
    name: str
    seconds: Value | None
    timestamp: Value | None
    exit: Exit
    retriers: tuple[()] = ()
    catchers: tuple[()] = ()

    def run(self, visit: Visit) -> Step:
        bindings = visit.bindings()
        visit.scope.run.sleep(self._how_long(bindings), visit.scope.halt)
        return self.exit.leave(bindings, visit.data)

    def _how_long(self, bindings: Bindings) -> float:
        if self.seconds is not None:
            return whole_number(self.seconds, bindings, "Seconds")
        assert self.timestamp is not None  # noqa: S101 - the check lets no Wait through without one of them
        moment = _moment(text(self.timestamp, bindings, "Timestamp"))
        return max(0.0, (moment - bindings.now()).total_seconds())


def _moment(written: str) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise unexpected("Timestamp", "RFC 3339 timestamp with a zone", written)
    return moment


def read(name: str, definition: Definition) -> Wait:
    return Wait(name, optional(definition, "Seconds"), optional(definition, "Timestamp"), read_exit(definition))
