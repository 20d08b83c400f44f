"""Which file goes where: the plan of a copy, made before anything is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click

from portl.stores import File, told_of
from portl_cli.commands._stores.sources import Source, Sources, folder_at, is_folder, key_below, written_as_folder

At = Callable[[str], File]


@dataclass(frozen=True, slots=True)
class Task:
    """One file, and its place."""

    source: Source
    target: File


def make_tasks(at: At, sources: Sources, address: str) -> list[Task]:
    """Several files go below the target, in the places they have in their folder; one goes into a folder, or takes the name.

    Raises:
        UsageError: two files would have one place, the target is a file, or it is inside a folder that is copied.
    """
    if not sources.spread and not is_folder(at, address):
        return [Task(source, at(address)) for source in sources.files]
    base = folder_at(at, address)
    for folder in sources.folders:
        if _inside(base, folder_at(at, folder)):
            raise click.UsageError(f"{address} is inside {folder}")
    if sources.spread:
        _refuse_file(at, address)
    tasks = [Task(source, _below(base, source)) for source in sources.files if not source.marks_folder]
    _refuse_same_place(tasks)
    return tasks


def _below(base: File, source: Source) -> File:
    slash = "" if base.address.endswith(("/", ":")) else "/"
    path = f"{base.path}/{source.below}" if base.path else source.below
    return File(f"{base.address}{slash}{source.below}", base.store, key_below(path, source, base))


def _refuse_file(at: At, address: str) -> None:
    if written_as_folder(address):
        return
    file = at(address)
    with told_of(file):
        entry = file.store.stat(file.path, missing_ok=True)
    if entry is not None and entry.kind == "file":
        raise click.UsageError(f"{address} is a file, and several files can only go into a folder")


def _refuse_same_place(tasks: list[Task]) -> None:
    taken: dict[str, Task] = {}
    for task in tasks:
        other = taken.setdefault(task.target.path, task)
        if other is not task:
            both = f"{other.source.file.address} and {task.source.file.address}"
            raise click.UsageError(f"{both} would both become {task.target.address}")


def _inside(place: File, folder: File) -> bool:
    one, other = (f"{each.store.name}/{each.path}".rstrip("/") + "/" for each in (place, folder))
    return one.startswith(other)
