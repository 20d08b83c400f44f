from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._data import Json
from portl_cli.engine._failure import TOLERATED, Aborted, Failure
from portl_cli.engine._limits import DISTRIBUTED_CONCURRENCY, INLINE_CONCURRENCY
from portl_cli.engine._states.fields import (
    Definition,
    optional,
    read_catchers,
    read_exit,
    read_retriers,
    unexpected,
    whole_number,
)
from portl_cli.engine._states.fork import Fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portl_cli.engine._concurrency import Halt
    from portl_cli.engine._retry import Catcher, Retrier
    from portl_cli.engine._states.base import Exit, Region, Scope, Step, Visit
    from portl_cli.engine._value import Value

_TOLERATED_CAUSE = "The specified tolerated failure threshold was exceeded"


@dataclass(frozen=True, slots=True)
class Map:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html; the first failure ends it.

    ``label`` names the children of a DISTRIBUTED Map; an INLINE Map has None. MaxConcurrency items run at once, an absent
    one or 0 being AWS's maximum; children of a DISTRIBUTED Map at most as many as the host has slots, because a child that
    waits for one would only take room.
    """

    kind: ClassVar[str] = "Map"
    name: str
    label: str | None
    items: Value | None
    selector: Value | None
    concurrency: Value | None
    processor: Region
    exit: Exit
    retriers: tuple[Retrier, ...]
    catchers: tuple[Catcher, ...]

    def run(self, visit: Visit) -> Step:
        items, width = self._items(visit)
        visit.record("MapStateStarted", "mapStateStartedEventDetails", {"length": len(items)})
        try:
            inputs = self._inputs(visit, items)
            fork = Fork(visit, width)
            result = self._inline(visit, fork, inputs) if self.label is None else self._distributed(visit, fork, inputs)
            visit.scope.run.measured(result, self.name)
        except Failure:
            visit.record_aside("MapStateFailed")
            raise
        visit.record_aside("MapStateSucceeded")
        return self.exit.leave(visit.bindings(result=result), result)

    def _items(self, visit: Visit) -> tuple[list[Json], int]:
        """The items, and how many of them at once."""
        bindings = visit.bindings()
        wanted = whole_number(self.concurrency, bindings, "MaxConcurrency") if self.concurrency is not None else 0
        items = self.items.evaluate(bindings) if self.items else visit.data
        if not isinstance(items, list):
            raise unexpected("Items", "array", items)
        most = INLINE_CONCURRENCY if self.label is None else min(DISTRIBUTED_CONCURRENCY, visit.scope.run.host.slots)
        return items, min(wanted or most, most, len(items))

    def _inputs(self, visit: Visit, items: list[Json]) -> Iterator[tuple[Json, Json]]:
        """Per item its place in the context object and the input of its processor."""
        for index, value in enumerate(items):
            item = {"Index": index, "Value": value}
            yield item, self.selector.evaluate(visit.bindings(map_item=item)) if self.selector else value

    def _inline(self, visit: Visit, fork: Fork, inputs: Iterator[tuple[Json, Json]]) -> list[Json]:
        def iteration(given: tuple[Json, Json], lane: int) -> Json:
            item, data = given
            with fork.path(lane, Map={"Item": item}) as scope:
                return self._iteration(visit, fork, scope, data)

        return fork.run(inputs, iteration)

    def _iteration(self, visit: Visit, fork: Fork, scope: Scope, data: Json) -> Json:
        details = {"name": self.name, "index": scope.context["Map"]["Item"]["Index"]}
        record = scope.history.record
        record(scope.trail, "MapIterationStarted", "mapIterationStartedEventDetails", details)
        try:
            output = visit.walker.walk(self.processor, data, scope)
        except Failure:
            record(scope.trail, "MapIterationFailed", "mapIterationFailedEventDetails", details, aside=True)
            raise
        except Aborted:
            record(scope.trail, "MapIterationAborted", "mapIterationAbortedEventDetails", details, aside=True)
            raise
        fork.ended(record(scope.trail, "MapIterationSucceeded", "mapIterationSucceededEventDetails", details, aside=True))
        return output

    def _distributed(self, visit: Visit, fork: Fork, inputs: Iterator[tuple[Json, Json]]) -> list[Json]:
        scope = visit.scope
        arn = f"arn:aws:states:local:000000000000:mapRun:{scope.run.machine}/{self.label}:{scope.name}"
        visit.record("MapRunStarted", "mapRunStartedEventDetails", {"mapRunArn": arn})

        def child(given: tuple[Json, Json], _: int) -> Json:
            item, data = given
            return self._child(visit, f"{scope.name}/{self.label}:{item['Index']}", data, fork.halt)

        try:
            results = fork.run(inputs, child)
        except Failure as failure:
            visit.record("MapRunFailed", "mapRunFailedEventDetails", failure.details())
            raise
        except Aborted:
            visit.record("MapRunAborted")
            raise
        visit.record("MapRunSucceeded")
        return results

    def _child(self, visit: Visit, name: str, data: Json, halt: Halt) -> Json:
        try:
            return visit.walker.execute_child(self.processor, data, name, visit.scope.run, halt)
        except Failure:
            # As on AWS the parent learns nothing of what went wrong in the child.
            raise Failure(TOLERATED, _TOLERATED_CAUSE) from None


def read(name: str, definition: Definition, region: Callable[[Definition], Region]) -> Map:
    processor = definition["ItemProcessor"]
    distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
    return Map(
        name=name,
        label=definition.get("Label", name) if distributed else None,
        items=optional(definition, "Items"),
        selector=optional(definition, "ItemSelector"),
        concurrency=optional(definition, "MaxConcurrency"),
        processor=region(processor),
        exit=read_exit(definition),
        retriers=read_retriers(definition),
        catchers=read_catchers(definition),
    )
