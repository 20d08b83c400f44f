"""Where a Map or a Parallel splits an execution into paths that run at once, and joins them again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from portl_cli.engine._concurrency import Fan, Halt
from portl_cli.engine._failure import Failure
from portl_cli.engine._history import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portl_cli.engine._data import Json
    from portl_cli.engine._states.base import Scope, Visit

Item = TypeVar("Item")


class Fork:
    """The paths inside one visit. ``halt`` ends them all.

    As on AWS the first path of a lane begins after the visit's last event, the next one after the path that made room for
    it, and what follows the visit comes after the path that ended last, or after the one that failed first.
    """

    def __init__(self, visit: Visit, width: int) -> None:
        self._scope = visit.scope
        self._width = max(1, width if visit.scope.run.host.slots > 1 else 1)
        self.halt = Halt(visit.scope.halt)
        self._lanes = [Trail(visit.scope.trail.last) for _ in range(self._width)]
        self._ended: list[int] = []
        self._failed: list[int] = []

    @contextmanager
    def path(self, lane: int, **context: Json) -> Iterator[Scope]:
        """The scope of one path, for as long as it goes."""
        scope = self._scope.inner(self._lanes[lane], self.halt, **context)
        try:
            yield scope
        except Failure:
            self._failed.append(scope.trail.last)
            raise
        finally:
            scope.variables.forget()

    def ended(self, event_id: int) -> None:
        """A path is through; this was its last event."""
        self._ended.append(event_id)

    def run(self, items: Iterator[Item], do: Callable[[Item, int], Json]) -> list[Json]:
        """What ``do`` gives for each item, in their order; it gets the item and its lane. Raises as ``Fan.run``."""
        try:
            return Fan(do, self.halt, self._scope.run.host.stop).run(items, self._width)
        except Failure:
            self._ended = self._failed[:1]
            raise
        finally:
            self._scope.trail.last = max(self._ended, default=self._scope.trail.last)
