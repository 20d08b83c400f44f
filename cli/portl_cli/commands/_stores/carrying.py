"""One file copied, moved or removed, as the command says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from portl.errors import NotSupported, PermissionDenied
from portl.stores import (
    Entry,
    ExactKey,
    File,
    OnProgress,
    Overwrite,
    Verify,
    carried,
    look,
    open_store,
    same_file,
    told_of,
    transfer,
)
from portl_cli.commands._stores.sources import Source
from portl_cli.commands._stores.tasks import Task

Mode = Literal["auto", "stream"]
Action = Literal["copied", "moved", "removed", "skipped", "unchanged"]


@dataclass(frozen=True, slots=True)
class How:
    """What was said of all files."""

    overwrite: Overwrite = "fail"
    verify: Verify = "checksum"
    move: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one file, or would: ``size`` in bytes, ``over``: something else was in its place."""

    action: Action
    source: str
    target: str | None
    size: int
    checksum: str | None = None
    over: bool = False


def carry(how: How, task: Task, progress: OnProgress) -> Done:
    """Copies or moves one file, whole or not at all; a source goes only when its content is in the target.

    Raises:
        AlreadyExists: another content is there, and ``fail`` was said; Changed: the source changed meanwhile, and is kept;
        StoreError: as ``transfer``.
    """
    source, target = task.source.file, task.target
    with told_of(source, target):
        entry = look(source)
        if same_file(source, target, may_write=not how.dry_run):
            return Done("unchanged", source.address, target.address, entry.size)
        found, done = carried(
            source,
            entry,
            target,
            how.overwrite,
            lambda over: _carried(source, entry, target, how, progress, overwrite=over),
            content_counts=how.move,
        )
        if done is not None:
            return done
        if found.what == "same":
            return _same(source, entry, target, found.checksum, how)
        return Done("skipped", source.address, target.address, entry.size)


def remove(how: How, source: Source, _: OnProgress) -> Done:
    """Removes one file; one that went away meanwhile counts as removed."""
    file = source.file
    with told_of(file):
        if not how.dry_run:
            file.store.delete(file.path, missing_ok=True)
    return Done("removed", file.address, None, source.entry.size)


def _same(source: File, entry: Entry, target: File, checksum: str | None, how: How) -> Done:
    if not how.move:
        return Done("unchanged", source.address, target.address, entry.size, checksum)
    if not how.dry_run:
        _let_go(source, entry)
    return Done("moved", source.address, target.address, entry.size, checksum)


def _carried(source: File, entry: Entry, target: File, how: How, progress: OnProgress, *, overwrite: bool) -> Done:
    action: Action = "moved" if how.move else "copied"
    over = overwrite and target.store.exists(target.path)
    if how.dry_run:
        return Done(action, source.address, target.address, entry.size, over=over)
    if how.move and _renamed(source, target, overwrite=overwrite):
        return Done(action, source.address, target.address, entry.size, entry.checksum, over)
    here, there = (source.store, source.path), (target.store, target.path)
    mode: Mode = "stream" if target.store.driver.place == "local" else "auto"  # so that it is shown, and can be stopped
    made = transfer(*here, *there, mode=mode, overwrite=overwrite, verify=how.verify, progress=progress)
    if how.move:
        _let_go(source, entry)
    return Done(action, source.address, target.address, made.size, made.checksum, over)


def _let_go(source: File, entry: Entry) -> None:
    """Removes a source that is still what was copied."""
    source.store.delete(source.path, missing_ok=True, if_match=entry.etag)


def _renamed(source: File, target: File, *, overwrite: bool) -> bool:
    """Whether the file could be moved in one step. Raises AlreadyExists."""
    one, other = source.store, target.store
    try:
        if one.driver is other.driver:
            return one.rename(source.path, target.path, overwrite=overwrite)
        if one.driver.place == other.driver.place == "local":
            return _renamed_here(source, target, overwrite=overwrite)
    except (NotSupported, PermissionDenied):
        return False  # the long way says what is really forbidden
    return False


def _renamed_here(source: File, target: File, *, overwrite: bool) -> bool:
    paths = [Path(file.store.driver.name, file.store.key(file.path)) for file in (source, target)]
    above = os.path.commonpath([path.parent for path in paths])
    one, other = (ExactKey(path.relative_to(above)) for path in paths)
    return open_store(above).rename(one, other, overwrite=overwrite)
