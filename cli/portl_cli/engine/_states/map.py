from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from portl_cli.engine._data import Json, measured
from portl_cli.engine._failure import TOLERATED, Failure
from portl_cli.engine._states.fields import (
    Definition,
    optional,
    read_catchers,
    read_exit,
    read_retriers,
    unexpected,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portl_cli.engine._retry import Catcher, Retrier
    from portl_cli.engine._states.base import Exit, Region, Step, Visit
    from portl_cli.engine._value import Value

_TOLERATED_CAUSE = "The specified tolerated failure threshold was exceeded"


@dataclass(frozen=True, slots=True)
class Map:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html; one item after another, the first failure ends it.

    ``label`` names the children of a DISTRIBUTED Map; an INLINE Map has None.
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
        items = self._items(visit)
        visit.record("MapStateStarted", "mapStateStartedEventDetails", {"length": len(items)})
        try:
            inputs = self._inputs(visit, items)
            result = self._inline(visit, inputs) if self.label is None else self._distributed(visit, inputs, self.label)
            measured(result, self.name)
        except Failure:
            visit.record("MapStateFailed")
            raise
        visit.record("MapStateSucceeded")
        return self.exit.leave(visit.bindings(result=result), result)

    def _items(self, visit: Visit) -> list[Json]:
        bindings = visit.bindings()
        if self.concurrency is not None:
            whole_number(self.concurrency, bindings, "MaxConcurrency")
        items = self.items.evaluate(bindings) if self.items else visit.data
        if not isinstance(items, list):
            raise unexpected("Items", "array", items)
        return items

    def _inputs(self, visit: Visit, items: list[Json]) -> Iterator[tuple[Json, Json]]:
        """Per item its place in the context object and the input of its processor."""
        for index, value in enumerate(items):
            item = {"Index": index, "Value": value}
            yield item, self.selector.evaluate(visit.bindings(map_item=item)) if self.selector else value

    def _inline(self, visit: Visit, inputs: Iterator[tuple[Json, Json]]) -> list[Json]:
        return [self._iteration(visit, item, data) for item, data in inputs]

    def _iteration(self, visit: Visit, item: Json, data: Json) -> Json:
        details = {"name": self.name, "index": item["Index"]}
        visit.record("MapIterationStarted", "mapIterationStartedEventDetails", details)
        try:
            output = visit.walker.walk(self.processor, data, visit.scope.inner(Map={"Item": item}))
        except Failure:
            visit.record("MapIterationFailed", "mapIterationFailedEventDetails", details)
            raise
        visit.record("MapIterationSucceeded", "mapIterationSucceededEventDetails", details)
        return output

    def _distributed(self, visit: Visit, inputs: Iterator[tuple[Json, Json]], label: str) -> list[Json]:
        scope = visit.scope
        arn = f"arn:aws:states:local:000000000000:mapRun:{scope.run.machine}/{label}:{scope.name}"
        visit.record("MapRunStarted", "mapRunStartedEventDetails", {"mapRunArn": arn})
        try:
            results = [self._child(visit, f"{scope.name}/{label}:{item['Index']}", data) for item, data in inputs]
        except Failure as failure:
            visit.record("MapRunFailed", "mapRunFailedEventDetails", failure.details())
            raise
        visit.record("MapRunSucceeded")
        return results

    def _child(self, visit: Visit, name: str, data: Json) -> Json:
        try:
            return visit.walker.execute_child(self.processor, data, name, visit.scope.run)
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
