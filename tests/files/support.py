"""Stores at hand for the work on files, and one that dies at any of its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from portl.runs import FileIntent, FileWork, Run, RunFolder
from portl.runs._origin import Origin
from portl.stores import Driver, File, Files, MemoryDriver, RetryPolicy, Store

WIRE = frozenset({"head", "get", "put", "begin", "copy", "rename", "delete", "part", "commit"})
"""The calls of a driver that are counted: listings only read."""


class Killed(BaseException):
    """The process is gone: nothing catches it, nothing is tidied up."""


class Clock:
    """Counts the calls of all drivers together and ends the process at one: before it goes out, or behind it."""

    def __init__(self, at: int | None = None, *, behind: bool = False) -> None:
        self.at, self.behind, self.count = at, behind, 0

    def call(self, made: Callable[[], Any]) -> Any:
        number, self.count = self.count, self.count + 1
        if number == self.at and not self.behind:
            raise Killed
        try:
            return made()
        finally:
            if number == self.at:
                raise Killed


class Mortal:
    """A driver whose calls a clock counts."""

    def __init__(self, driver: Driver, clock: Clock) -> None:
        self._driver, self._clock = driver, clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name not in WIRE:
            return found
        if name == "begin":
            return lambda *given: Mortal(self._clock.call(lambda: found(*given)), self._clock)
        if name == "copy":
            return lambda origin, *more: self._clock.call(lambda: found(getattr(origin, "_driver", origin), *more))
        return lambda *given: self._clock.call(lambda: found(*given))


class Named:
    """Stores by name, as the connections of a Task give them."""

    def __init__(self, stores: dict[str, Store]) -> None:
        self.stores = stores
        self.remaining: Callable[[], float] | None = None
        self._files = Files(stores.__getitem__, stores)

    def file(self, address: str, *, version: str | None = None, exact: bool = False) -> File:
        return self._files.at(address, version=version, exact=exact)


class World:
    """Drivers by name that outlive the processes that work on them, and the folder of a run."""

    made: ClassVar[list[World]] = []

    def __init__(self, **drivers: Driver) -> None:
        self.made.append(self)
        self.drivers = drivers
        self.runs = MemoryDriver()

    def close(self) -> None:
        for driver in self.drivers.values():
            driver.close()

    def store(self, name: str) -> Store:
        return Store(self.drivers[name])

    def work(self, clock: Clock | None = None, *, run: str = "r", bases: tuple[str, ...] = (), step: str = "s") -> FileWork:
        """What a process works with: stores of its own over the drivers there are."""
        clock = clock or Clock()
        stores = {name: Store(Mortal(each, clock), retry=RetryPolicy(attempts=1)) for name, each in self.drivers.items()}
        origin = Origin(bases) if bases else None
        about = Run(run, "j", "2026-01-01T00:00:00+00:00", {}, run, origin)
        return FileWork(Named(stores), RunFolder(Store(Mortal(self.runs, clock)), run), about, step)

    def do(self, intent: FileIntent, clock: Clock | None = None, **more: Any) -> Any:
        return self.work(clock, **more).answer(intent)

    def contents(self) -> dict[str, dict[str, bytes]]:
        found = {name: Store(driver) for name, driver in self.drivers.items()}
        return {
            name: {each.path: store.read(each.path) for each in store.list(recursive=True) if each.kind == "file"}
            for name, store in found.items()
        }
