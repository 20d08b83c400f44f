from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._failure import Failure
from portl_cli.engine._states.fields import Definition, optional, read_catchers, read_exit, read_retriers
from portl_cli.engine._states.fork import Fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from portl_cli.engine._data import Json
    from portl_cli.engine._retry import Catcher, Retrier
    from portl_cli.engine._states.base import Exit, Region, Step, Visit
    from portl_cli.engine._value import Value


@dataclass(frozen=True, slots=True)
class Parallel:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html; the first branch that fails ends it."""

    kind: ClassVar[str] = "Parallel"
    name: str
    arguments: Value | None
    branches: tuple[Region, ...]
    exit: Exit
    retriers: tuple[Retrier, ...]
    catchers: tuple[Catcher, ...]

    def run(self, visit: Visit) -> Step:
        data = self.arguments.evaluate(visit.bindings()) if self.arguments else visit.data
        visit.record("ParallelStateStarted")
        try:
            result = self._branches(visit, data)
            visit.scope.run.measured(result, self.name)
        except Failure:
            visit.record_aside("ParallelStateFailed")
            raise
        visit.record_aside("ParallelStateSucceeded")
        return self.exit.leave(visit.bindings(result=result), result)

    def _branches(self, visit: Visit, data: Json) -> list[Json]:
        fork = Fork(visit, len(self.branches))
        began = visit.scope.trail.last

        def branch(region: Region, lane: int) -> Json:
            with fork.path(lane) as scope:
                scope.trail.last = began
                output = visit.walker.walk(region, data, scope)
                fork.ended(scope.trail.last)
                return output

        return fork.run(iter(self.branches), branch)


def read(name: str, definition: Definition, region: Callable[[Definition], Region]) -> Parallel:
    return Parallel(
        name=name,
        arguments=optional(definition, "Arguments"),
        branches=tuple(region(branch) for branch in definition["Branches"]),
        exit=read_exit(definition),
        retriers=read_retriers(definition),
        catchers=read_catchers(definition),
    )
