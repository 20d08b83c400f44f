"""A host whose functions run in processes of their own, as many as are needed at once."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from portl_cli.engine._host import Answer, Failed, function_name, request_text, unknown_function
from portl_cli.engine._processes.environment import STOPPED, Environment, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from portl_cli.engine._data import Json
    from portl_cli.engine._limits import Limits
    from portl_cli.engine._processes.wire import Document
    from portl_cli.engine.template import Function

CALLS = 8
"""Functions that functions call, under way at once. On AWS that is the account's concurrency."""

_LAST_ANSWERS_S = 5.0
"""How long threads whose functions have ended may take to come back."""


def default_slots() -> int:
    """As many Tasks at once as there are processors, but at least two: most of them wait for a network."""
    return max(2, os.cpu_count() or 2)


class Launcher(Protocol):
    """Starts processes."""

    def launch(self, function: Function) -> Process:
        """A new process that loads the function."""

    def close(self) -> None:
        """Comes back when no process of it is left."""


class ProcessHost:
    """Keeps an environment for each invocation under way and uses a warm one again, as Lambda does.

    Each function has its own environment variables; those of this process come first, so that a run can override a template.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        launcher: Launcher,
        *,
        slots: int | None,
        limits: Limits,
        on_message: Callable[[dict[str, Json]], None] | None,
    ) -> None:
        self.slots = slots or default_slots()
        self._functions = functions
        self._launcher = launcher
        self._limits = limits
        self._on_message = on_message
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._telling = threading.Lock()
        self._idle: dict[str, list[Environment]] = {}
        self._busy: set[Environment] = set()
        self._environments: set[Environment] = set()
        self._calls: dict[int, threading.Semaphore] = {}
        self._stopping = threading.Event()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def invoke(self, function: str, payload: Json) -> Answer:
        """Runs a function to its end, or kills it at its timeout."""
        return self._invoke(function, payload, 0)

    def cool_down(self, functions: Iterable[str]) -> None:
        """Ends the processes of these functions that wait for work: the next invocation starts cold."""
        with self._lock:
            waiting = [environment for name in functions for environment in self._idle.pop(name, ())]
            self._environments.difference_update(waiting)
        for environment in waiting:
            environment.end()

    def stop(self) -> None:
        """Ends every invocation under way: its function gets KeyboardInterrupt and a moment to clean up."""
        with self._lock:
            if self._stopping.is_set():
                return  # who was busy then may be cleaning up now
            self._stopping.set()
            for environment in self._environments:
                environment.shut() if environment in self._busy else environment.kill()

    def close(self) -> None:
        """Stops, and comes back when no process is left."""
        self.stop()
        if self._closed:
            return
        self._closed = True
        self._launcher.close()
        with self._free:
            self._free.wait_for(lambda: not self._busy, _LAST_ANSWERS_S)
        for environment in self._environments:
            environment.end()
        self._environments.clear()

    def message(self, document: dict[str, Json]) -> None:
        """See Owner."""
        if self._on_message is not None:
            with self._telling:
                self._on_message(document)

    def called(self, environment: Environment, document: Document) -> None:
        """See Owner."""

        def run() -> None:
            try:
                answer = self._invoke(document["function"], document["payload"], environment.depth + 1)
            except Exception as problem:  # noqa: BLE001 - the caller waits; it is told whatever happened
                answer = Failed("Lambda.ServiceException", str(problem))
            environment.reply(document["number"], answer)

        threading.Thread(target=run, daemon=True).start()

    def _invoke(self, function: str, payload: Json, depth: int) -> Answer:
        target = self._functions.get(function_name(function))
        if target is None:
            return unknown_function(function)
        text = request_text(payload, self._limits.request)
        if isinstance(text, Failed):
            return text
        if depth == 0:
            return self._run(target, payload, depth)
        with self._gate(depth):
            return self._run(target, payload, depth)

    def _gate(self, depth: int) -> threading.Semaphore:
        """Each depth has its own room, so that a caller never holds the place that its own call waits for."""
        with self._lock:
            return self._calls.setdefault(depth, threading.Semaphore(CALLS))

    def _run(self, function: Function, payload: Json, depth: int) -> Answer:
        environment = self._take(function)
        if environment is None:
            return STOPPED
        environment.depth = depth
        try:
            return environment.invoke(payload)
        except BaseException:
            self.stop()  # Ctrl-C, or a listener that fails: the run is over, and its functions clean up
            raise
        finally:
            self._give_back(function, environment)

    def _take(self, function: Function) -> Environment | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            environment = self._warm(function)
        # Launching takes a moment, for which nobody else has to wait.
        environment = environment or Environment(function, self._launcher.launch(function), self)
        with self._lock:
            self._environments.add(environment)
            self._busy.add(environment)
            if self._stopping.is_set():
                environment.shut()
        return environment

    def _warm(self, function: Function) -> Environment | None:
        idle = self._idle.get(function.name, [])
        while idle:
            environment = idle.pop()
            if environment.alive():
                return environment
            self._environments.discard(environment)
            environment.end()
        return None

    def _give_back(self, function: Function, environment: Environment) -> None:
        with self._free:
            self._busy.discard(environment)
            self._free.notify_all()
            if self._stopping.is_set():
                return  # it may be cleaning up; close() ends it
            if environment.usable:
                self._idle.setdefault(function.name, []).append(environment)
                return
            self._environments.discard(environment)
        environment.end()
