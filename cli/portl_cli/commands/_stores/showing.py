"""What is shown while files are on their way: bars on a terminal, plain lines in a pipe, documents for programs."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import click

from portl.errors import StoreError
from portl.stores import Progress
from portl.values import redact
from portl_cli.commands._stores.carrying import Action, Done
from portl_cli.commands._stores.lines import amount, counted, one_line
from portl_cli.commands._stores.opened import told

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

PLAIN_EVERY_S = 10.0
"""How often a file that goes on says so in a pipe."""
WOULD: dict[Action, str] = {"copied": "copy", "moved": "move", "removed": "remove", "skipped": "skip", "unchanged": "leave"}
WHY = {"skipped": ", what is there stays", "unchanged": ", the same is there"}


class Showing(Protocol):
    """Where a command shows what becomes of files. ``progress`` comes from any thread, the rest from one."""

    def progress(self, address: str, told: Progress) -> None:
        """A file is so far."""
        ...

    def done(self, done: Done) -> None:
        """A file is through."""
        ...

    def failed(self, address: str, problem: StoreError) -> None:
        """A file failed."""
        ...

    def close(self) -> None:
        """Nothing more comes, or it was stopped."""
        ...


@dataclass(slots=True)
class Lines:
    """A line for each file on standard output, and one now and then for a long one on standard error."""

    dry_run: bool = False
    clock: Callable[[], float] = time.monotonic
    _told: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def progress(self, address: str, told: Progress) -> None:
        """See Showing."""
        with self._lock:
            now = self.clock()
            if not told.files and now - self._told.setdefault(address, now - told.elapsed) >= PLAIN_EVERY_S:
                self._told[address] = now
                whole = f" of {amount(told.total)}" if told.total is not None else ""
                click.echo(redact(f"  {one_line(address)}: {amount(told.bytes)}{whole}"), err=True)

    def done(self, done: Done) -> None:
        """See Showing."""
        click.echo(line_of(done, dry_run=self.dry_run))

    def failed(self, address: str, problem: StoreError) -> None:
        """See Showing."""
        del address  # the failure names it
        click.echo(told(problem), err=True)

    def close(self) -> None:
        """See Showing."""


@dataclass(slots=True)
class Documents:
    """One JSON document a line on standard output."""

    dry_run: bool = False

    def progress(self, address: str, told: Progress) -> None:
        """See Showing."""
        if not told.files:
            self._put({"event": "progress", "source": address, "bytes": told.bytes, "total": told.total})

    def done(self, done: Done) -> None:
        """See Showing."""
        self._put({"event": "file", **asdict(done), "dry_run": self.dry_run})

    def failed(self, address: str, problem: StoreError) -> None:
        """See Showing."""
        about = {"code": problem.code, "error": type(problem).__name__, "message": problem.message, "hint": problem.hint}
        self._put({"event": "failed", "source": address, **about})

    def close(self) -> None:
        """See Showing."""

    def _put(self, document: Mapping[str, Any]) -> None:
        click.echo(json.dumps(redact(dict(document)), ensure_ascii=False))


class Terminal:
    """A bar for all files together, and one for each that is on its way."""

    def __init__(self, verb: str, files: int, size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        self._console = Console(stderr=True, highlight=False)
        self._bars: Bars = Bars(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(28),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._verb, self._files, self._through = verb, files, 0
        self._lock = threading.Lock()
        self._known: dict[str, TaskID] = {}
        self._so_far: dict[str, int] = {}
        self._ended = 0
        self._all = self._bars.add_task(self._count(), total=size)
        self._bars.start()

    def progress(self, address: str, told: Progress) -> None:
        """See Showing."""
        with self._lock:
            if address not in self._known:
                self._known[address] = self._bars.add_task(_short(redact(one_line(address))), total=told.total)
            self._bars.update(self._known[address], completed=told.bytes)
            self._so_far[address] = told.bytes
            self._bars.update(self._all, completed=self._ended + sum(self._so_far.values()))

    def done(self, done: Done) -> None:
        """See Showing."""
        self._through_with(done.source, done.size)

    def failed(self, address: str, problem: StoreError) -> None:
        """See Showing."""
        self._console.print(told(problem), markup=False)
        self._through_with(address, 0)

    def close(self) -> None:
        """Leaves the bar of all files as it is."""
        with self._lock:
            for bar in self._known.values():
                self._bars.remove_task(bar)
            self._known.clear()
        self._bars.stop()

    def _through_with(self, address: str, size: int) -> None:
        with self._lock:
            self._through += 1
            self._ended += size
            self._so_far.pop(address, None)
            if address in self._known:
                self._bars.remove_task(self._known.pop(address))
            completed = self._ended + sum(self._so_far.values())
            self._bars.update(self._all, completed=completed, description=self._count())

    def _count(self) -> str:
        return f"{self._verb} {self._through:,} of {counted(self._files)}"


def showing_for(verb: str, files: int, size: int, *, as_json: bool, dry_run: bool) -> Showing:
    """Documents with ``--json``, bars on a terminal, else plain lines; what would be done is always lines."""
    if as_json:
        return Documents(dry_run)
    import os

    on_terminal = sys.stderr.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return Terminal(verb, files, size) if on_terminal and not dry_run else Lines(dry_run)


def line_of(done: Done, *, dry_run: bool) -> str:
    """``copied lake:a.csv to out/a.csv (1.2 kB)``; in a dry run what would be done."""
    verb = f"would {WOULD[done.action]}" if dry_run else {"unchanged": "left"}.get(done.action, done.action)
    place = f" to {one_line(done.target)}" if done.target and done.action in ("copied", "moved") else ""
    over = f", in the place of what {'is' if dry_run else 'was'} there" if done.over else ""
    why = WHY.get(done.action, "")
    return str(redact(f"{verb} {one_line(done.source)}{place} ({amount(done.size)}{why}{over})"))


def _short(text: str, most: int = 48) -> str:
    return text if len(text) <= most else f"…{text[1 - most :]}"
