"""The one place where intents on files are performed: each is done whole or not at all, and once though it is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portl.connections import Connections
from portl.errors import IsFolder, NotFound, RunError
from portl.runs._begin import Run
from portl.runs._file_intents import AwaitFiles, CopyFile, CopyFiles, DeleteFiles, FileIntent, ListFiles, LookAt, Pin, SignFile
from portl.runs._file_moves import Move
from portl.runs._file_notes import FileNotes
from portl.runs._file_waits import wait_for_files
from portl.runs._folder import RunFolder
from portl.runs._progress import Progress
from portl.stores import File, facts, found_files, is_pattern, place, said_of_file, told_of
from portl.values import REDACTOR, Unknown

MOST_FILES = 1_000
"""The files of one pattern that a step works on by itself: more of them are a list, and a batch over it."""
KEPT_EVERY = 50
"""After so many files it is noted which are done."""
MARGIN_S = 20.0
"""No file is begun when the function has less time left, or a third of a shorter one."""

Record = dict[str, Any]
Find = Callable[[str, bool], Iterator[Record]]
"""The records of the files of a pattern or a folder, which is told with whether those of the folders in it count."""


class FileWork:
    """Performs the intents on files of one step."""

    def __init__(self, connections: Connections, folder: RunFolder, run: Run, step_id: str, find: Find | None = None) -> None:
        self._find = find or self._there
        self._connections, self._step_id, self._folder = connections, step_id, folder
        self._notes = FileNotes(folder, run, step_id)

    def answer(self, intent: CopyFile | CopyFiles | DeleteFiles | LookAt | SignFile | AwaitFiles) -> Any:
        """What comes of an intent that makes no rows. Raises StoreError, RunError."""
        match intent:
            case CopyFile():
                return self._copy(intent)
            case CopyFiles():
                return self._copy_all(self.expanded_copies(intent))
            case DeleteFiles():
                return {"count": self._delete(intent)}
            case LookAt():
                return self.look(intent.path)
            case SignFile():
                return self._sign(intent)
            case AwaitFiles():
                return wait_for_files(self._connections.file, self._folder, self._step_id, intent)

    def listed(self, intent: ListFiles) -> Iterator[Record]:
        """The records of the files of a pattern or a folder."""
        return self._find(str(intent.path), intent.recursive)

    def _there(self, address: str, recursive: bool) -> Iterator[Record]:
        return (found.record() for found in found_files(self._connections.file, address, recursive=recursive))

    def look(self, address: Any) -> Record:
        """``{exists, size, modified, etag, version}``, null where nothing is."""
        file = self._connections.file(str(address))
        with told_of(file):
            entry = file.store.stat(file.path, missing_ok=True)
        if entry is None or entry.kind == "folder":  # not every store has folders
            return {"exists": False, **dict.fromkeys(("size", "modified", "etag", "version"))}
        return {"exists": True, **facts(entry)}

    def expanded(self, intent: FileIntent) -> FileIntent:
        """The intent with the very files that a pattern means. They are kept: what is tried again works on the same."""
        if isinstance(intent, CopyFiles) and not intent.pairs:
            return self.expanded_copies(intent)
        if isinstance(intent, DeleteFiles) and not intent.literal and is_pattern(str(intent.path)):
            return replace(intent, paths=tuple(self._paths(intent)))
        return intent

    def expanded_copies(self, intent: CopyFiles) -> CopyFiles:
        """A copy with the addresses and targets of its files.

        Raises:
            RunError: R171, the pattern means too many files; R172, two of them would have one target, or one that is moved
                would take the place of another before that one is moved.
        """
        name = self._notes.name(intent.manner.verb, intent.source, str(intent.target))
        kept = self._notes.plan(name)
        if kept is None:
            kept = [[record["path"], intent.each(record)] for record in self._few(intent.source)]
            _told_apart(kept)
            if intent.manner.moves:
                _none_in_the_way(kept)
            self._notes.keep(name, kept)
        return replace(intent, pairs=tuple((source, target) for source, target in kept))

    def _paths(self, intent: DeleteFiles) -> list[str]:
        name = self._notes.name("delete", intent.path)
        kept: list[str] | None = self._notes.plan(name)
        if kept is None:
            kept = [str(record["path"]) for record in self._few(str(intent.path))]
            self._notes.keep(name, kept)
        return kept

    def _few(self, pattern: str) -> Iterator[Record]:
        for number, found in enumerate(self._find(pattern, False)):
            if number == MOST_FILES:
                text = f"{pattern} means more than {MOST_FILES:,} files"
                hint = "list them by store.list, and give this step a batch over its rows"
                raise RunError(text, code="R171", hint=hint)
            yield found

    def _copy(self, intent: CopyFile) -> Record:
        pin = intent.pin or Pin()
        etag, version = (None if value is None else str(value) for value in (pin.etag, pin.version))
        source = self._connections.file(str(intent.source), version=version, exact=intent.pin is not None)
        target = self._connections.file(str(intent.target))
        if intent.manner.moves:
            return Move(intent, source, target, self._notes).run()
        placed = place(source, target, overwrite=intent.manner.overwrite, verify=intent.manner.verify, etag=etag)
        return {"path": target.address, "size": placed.size, "checksum": placed.checksum, "action": placed.action}

    def _copy_all(self, intent: CopyFiles) -> Record:
        pairs = intent.pairs if isinstance(intent.pairs, tuple) else ()
        name = self._notes.done(self._notes.name(intent.manner.verb, intent.source, str(intent.target)))
        done: dict[str, Record] = self._notes.plan(name) or {}
        left = [CopyFile(source, target, intent.manner) for source, target in pairs if source not in done]
        progress = Progress([self._step_id], None, len(pairs))
        try:
            for each, result in self._side_by_side(left, intent.parallel):
                done[str(each.source)] = result
                progress.at(len(done))
                if len(done) % KEPT_EVERY == 0:
                    self._notes.keep(name, done)
        finally:
            if left:
                self._notes.keep(name, done)
        progress.end(len(done))
        return _counted([done[source] for source, _ in pairs], "moved" if intent.manner.moves else "copied")

    def _side_by_side(self, copies: Iterable[CopyFile], parallel: int) -> Iterator[tuple[CopyFile, Record]]:
        """Each copy with its result, at most ``parallel`` under way; behind the first that fails none is begun."""
        stopped: list[BaseException] = []
        remaining = self._connections.remaining or (lambda: float("inf"))
        least = min(MARGIN_S, remaining() / 3)

        def one(copy: CopyFile) -> Record | None:
            if stopped:
                return None
            try:
                _in_time(remaining() - least)
                return self._copy(copy)
            except BaseException as problem:
                stopped.append(problem)
                raise

        with ThreadPoolExecutor(parallel) as pool:
            under_way = [(copy, pool.submit(one, copy)) for copy in copies]
            for copy, future in under_way:
                if future.exception() is None and (result := future.result()) is not None:
                    yield copy, result
        if stopped:
            raise stopped[0]

    def _delete(self, intent: DeleteFiles) -> int:
        address = str(intent.path)
        if not intent.literal and is_pattern(address):
            paths = self._paths(intent)
            for path in paths:
                file = self._connections.file(path)
                with told_of(file):
                    file.store.delete(file.path, missing_ok=True)
            return len(paths)
        file = self._connections.file(address)
        with told_of(file):
            return self._delete_one(file, intent)

    def _delete_one(self, file: File, intent: DeleteFiles) -> int:
        """What was there is noted before it goes, so that it counts though its removal's answer was lost."""
        name, store = self._notes.name("delete", file.address), file.store
        path = file.path.rstrip("/") if intent.recursive else file.path
        entry = store.stat(path, missing_ok=True)
        noted = int(self._notes.fact(name) or 0)
        if entry is not None and entry.kind == "file":
            self._notes.keep(name, 1)
            store.delete(path, missing_ok=True)
            return 1
        if intent.recursive:
            count = sum(1 for _ in store.list(path, recursive=True))
            if count or entry is not None:  # some stores have no folders but those that files are in
                self._notes.keep(name, max(noted, count))
                store.delete_folder(path, recursive=True)
                return max(noted, count)
        elif entry is not None:
            problem = said_of_file(IsFolder, file, "delete")
            problem.hint = "write recursive: true to remove it with all that is in it"
            raise problem
        if not noted and not intent.missing_ok:
            raise said_of_file(NotFound, file, "delete")
        return noted

    def _sign(self, intent: SignFile) -> Record:
        file, expires = self._connections.file(str(intent.path)), timedelta(seconds=intent.expires_s)
        until = datetime.now(UTC) + expires
        with told_of(file):
            url = file.store.sign(file.path, method=intent.method, expires=expires)
        REDACTOR.add(url)
        return {"url": url, "expires_at": until.isoformat(timespec="seconds")}


def _in_time(left: float) -> None:
    if left < 0:
        hint = "it goes on with the files that are left; store.list and a batch have no limit of time"
        raise RunError("time ran short before all files were through", code="R174", hint=hint, outcome="Transient")


def _told_apart(pairs: Iterable[list[Any]]) -> None:
    seen: dict[str, str] = {}
    for source, target in pairs:
        if isinstance(target, Unknown):
            continue
        if target in seen:
            text = f"{seen[target]} and {source} would both become {target}"
            raise RunError(text, code="R172", hint='name each by its own: "{{ file.name }}" or "{{ file.folder }}" in to')
        seen[target] = source


def _none_in_the_way(pairs: Iterable[list[Any]]) -> None:
    """Files are moved side by side: what one of them takes the place of may not have been moved yet."""
    targets = dict(pairs)
    for source, target in targets.items():
        if target != source and target in targets:
            text = f"{source} would become {target}, which is itself to be moved"
            raise RunError(text, code="R172", hint="move them to another folder, or narrow the pattern")


def _counted(results: list[Record], done: str) -> Record:
    actions = [result["action"] for result in results]
    counts = {name: actions.count(name) for name in (done, "skipped", "unchanged")}
    return {"count": len(results), "bytes": sum(result["size"] for result in results if result["action"] == done), **counts}
