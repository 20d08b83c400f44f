from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._failure import Failure
from portl_cli.engine._states.fields import Definition, read_exit, required, unexpected

if TYPE_CHECKING:
    from portl_cli.engine._states.base import Exit, Step, Visit
    from portl_cli.engine._value import Value


@dataclass(frozen=True, slots=True)
class Choice:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html; the first rule that is true is taken."""

    kind: ClassVar[str] = "Choice"
    name: str
    rules: tuple[tuple[Value, Exit], ...]
    default: Exit | None
    retriers: tuple[()] = ()
    catchers: tuple[()] = ()

    def run(self, visit: Visit) -> Step:
        bindings = visit.bindings()
        for at, (condition, way) in enumerate(self.rules):
            answer = condition.evaluate(bindings)
            if not isinstance(answer, bool):
                raise unexpected(f"Choices[{at}]/Condition", "boolean", answer)
            if answer:
                return way.leave(bindings, visit.data)
        if self.default is None:
            raise Failure("States.NoChoiceMatched", f"No rule of the state '{self.name}' is true, and it has no Default.")
        return self.default.leave(bindings, visit.data)


def read(name: str, definition: Definition) -> Choice:
    rules = tuple(
        (required(rule, "Condition", f"Choices[{at}]/"), read_exit(rule, location=f"Choices[{at}]/"))
        for at, rule in enumerate(definition["Choices"])
    )
    default = read_exit(definition, definition["Default"]) if "Default" in definition else None
    return Choice(name, rules, default)
