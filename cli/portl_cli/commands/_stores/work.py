"""Many files at once: a few on their way at any time, each whole or not at all, also when a user stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from portl.errors import StoreError
from portl.stores import OnProgress, Progress
from portl_cli.commands._stores.carrying import Done
from portl_cli.commands._stores.opened import code_of
from portl_cli.commands._stores.showing import Showing
from portl_cli.exit_codes import DONE, ENVIRONMENT_WRONG, FAILED

Item = TypeVar("Item")


class Stopped(Exception):
    """The user has stopped it: what is on its way leaves nothing."""


@dataclass(slots=True)
class Outcome:
    """What came of all files."""

    done: list[Done] = field(default_factory=list)
    failed: list[StoreError] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code: of one file that of its failure; of several 1, or 3 where nothing but the environment is wrong."""
        codes = {code_of(problem) for problem in self.failed}
        alone = len(self.failed) + len(self.done) == 1
        if codes == {ENVIRONMENT_WRONG} or (codes and alone):
            return codes.pop()
        return FAILED if codes else DONE


@dataclass(frozen=True, slots=True)
class Work(Generic[Item]):
    """``do`` answers what came of one item and tells how far it is; ``address`` is how the item is called.

    ``stop`` is set when the user has stopped it.
    """

    items: Sequence[Item]
    do: Callable[[Item, OnProgress], Done]
    address: Callable[[Item], str]
    parallel: int
    stop: threading.Event

    def through(self, showing: Showing) -> Outcome:
        """Does it for all; a file that fails leaves the others alone.

        Raises:
            KeyboardInterrupt: after what was on its way has been given up.
        """
        outcome, stop = Outcome(), self.stop
        with ThreadPoolExecutor(self.parallel, "portl-store") as pool:
            waiting = iter(self.items)
            running: dict[Future[Done], Item] = {}
            try:
                while self._fill(pool, waiting, running, showing):
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        self._take(future, running.pop(future), outcome, showing)
            except BaseException:
                stop.set()
                _end(running)
                raise
        return outcome

    def _fill(
        self,
        pool: ThreadPoolExecutor,
        waiting: Iterator[Item],
        running: dict[Future[Done], Item],
        showing: Showing,
    ) -> bool:
        """Begins as many as may be on their way; answers whether any are."""
        with suppress(StopIteration):
            while len(running) < self.parallel:
                item = next(waiting)
                running[pool.submit(self.do, item, _heeding(self.stop, self.address(item), showing))] = item
        return bool(running)

    def _take(self, future: Future[Done], item: Item, outcome: Outcome, showing: Showing) -> None:
        try:
            done = future.result()
        except StoreError as problem:
            outcome.failed.append(problem)
            showing.failed(self.address(item), problem)
        else:
            outcome.done.append(done)
            showing.done(done)


def _end(running: Mapping[Future[Done], object]) -> None:
    """Waits until what is on its way has been given up, also when the user presses again: nothing is to stay half."""
    for future in running:
        future.cancel()
    while True:
        with suppress(KeyboardInterrupt):
            wait(running)
            return


def _heeding(stop: threading.Event, address: str, showing: Showing) -> OnProgress:
    def listen(told: Progress) -> None:
        if stop.is_set() and not told.files:
            raise Stopped
        showing.progress(address, told)

    return listen
