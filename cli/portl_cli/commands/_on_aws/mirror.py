"""What a run on AWS has kept in the run bucket, brought to this machine as far as its end is told from it.

Results stay where they are: they are as large as the data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portl.stores import Entry, Store

AT_ONCE = 16
FOLDERS = ("stats", "errors", "dead", "partial", "replayed", "settled")


def mirror(runs: Store, run: str, folder: Path) -> None:
    """Brings what the run's end is told from. ``folder`` is the run's on this machine.

    Raises:
        StoreError: the bucket cannot be read.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda entry: _bring(runs, entry, folder / entry.path.removeprefix(f"{run}/")), _wanted(runs, run)):
            pass


def _wanted(runs: Store, run: str) -> Iterator[Entry]:
    yield from (entry for entry in runs.list(run) if entry.kind == "file")
    for name in FOLDERS:
        yield from runs.list(f"{run}/{name}", recursive=True)
    yield from (entry for entry in runs.list(f"{run}/results") if entry.name.endswith(".at"))


def _bring(runs: Store, entry: Entry, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(runs.read(entry.path))
    if entry.modified is not None:  # the error that ended a run is the one that was kept last
        os.utime(file, (entry.modified.timestamp(),) * 2)
