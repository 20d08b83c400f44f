"""Several paths of one execution at once: threads that wait for functions and clocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from portl_cli.engine._failure import Aborted, Failure, Overtime

Item = TypeVar("Item")
Result = TypeVar("Result")


class Halt:
    """Tells what runs in one place to come to its end. What runs inside that place hears it too."""

    def __init__(self, outer: Halt | None = None) -> None:
        self._outer = outer
        self.bell: threading.Condition = outer.bell if outer else threading.Condition()
        self._called = False

    def call(self) -> None:
        """From now on nothing new begins here, and every pause is over."""
        with self.bell:
            self._called = True
            self.bell.notify_all()

    def called(self) -> bool:
        """Whether this place, or one around it, is to end."""
        return self._called or (self._outer is not None and self._outer.called())

    def pause(self, seconds: float) -> None:
        """Waits that many seconds, or until the halt is called."""
        with self.bell:
            self.bell.wait_for(self.called, seconds)

    def check(self) -> None:
        """Raises Aborted once the halt was called."""
        if self.called():
            raise Aborted


class Fan(Generic[Item, Result]):
    """Does the same for many items, ``width`` at once.

    ``do`` gets the item and the number of the lane it runs in: one lane does one item after another. The first failure stops
    the intake; what is under way is told to end, is waited for, and then the failure is raised. ``abandon`` is called when
    something else than a failure of a state happened (Ctrl-C, a fault of the host): whatever functions run must come back.
    """

    def __init__(self, do: Callable[[Item, int], Result], halt: Halt, abandon: Callable[[], None]) -> None:
        self._do = do
        self._halt = halt
        self._abandon = abandon
        self._lock = threading.Lock()
        self._results: dict[int, Result] = {}
        self._problems: list[BaseException] = []

    def run(self, items: Iterator[Item], width: int) -> list[Result]:
        """The results in the order of the items. With a width of 1 all happens in the calling thread, one after another.

        Raises:
            Failure: the first by time; or whatever else ended an item.
        """
        if width <= 1:
            return [self._do(item, 0) for item in items]
        numbered = enumerate(items)
        threads = [threading.Thread(target=self._lane, args=(numbered, lane), daemon=True) for lane in range(width)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            self._halt.call()
            self._abandon()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        return self._outcome()

    def _lane(self, numbered: Iterator[tuple[int, Item]], lane: int) -> None:
        while not self._halt.called():
            try:
                with self._lock:
                    taken = next(numbered, None)
                if taken is None:
                    return
                index, item = taken
                self._results[index] = self._do(item, lane)
            except BaseException as problem:  # noqa: BLE001 - raised again by the thread that waits for the lanes
                self._fail(problem)

    def _fail(self, problem: BaseException) -> None:
        with self._lock:
            self._problems.append(problem)
        self._halt.call()
        if not isinstance(problem, (Failure, Overtime, Aborted)):
            self._abandon()

    def _outcome(self) -> list[Result]:
        for problem in sorted(self._problems, key=lambda one: isinstance(one, (Failure, Overtime, Aborted))):
            raise problem
        self._halt.check()
        return [self._results[index] for index in range(len(self._results))]
