"""The work on files of a plan: what is there is looked at, what would be changed is remembered, nothing is touched.

A later step that reads a file which an earlier one would make reads what it would be made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from portl.connections import Connections
from portl.errors import MissingVariable, NotFound
from portl.runs import (
    AwaitFiles,
    CopyFile,
    CopyFiles,
    DeleteFiles,
    FileIntent,
    FileWork,
    ListFiles,
    LookAt,
    Run,
    RunFolder,
    look_for,
)
from portl.stores import Found, fits, found_files, is_pattern, name_parts, parse_address
from portl.values import Unknown
from portl_cli.plan._notes import Notes

NOTHING = dict.fromkeys(("size", "modified", "etag", "version"))


class PlannedFiles:
    """The intents on files of one step, shown and not done."""

    def __init__(self, notes: Notes, connections: Connections, folder: RunFolder, run: Run, step_id: str) -> None:
        self._notes, self._connections, self._step_id = notes, connections, step_id
        self._work = FileWork(connections, folder, run, step_id, self._would_be_there)

    def expanded(self, intent: FileIntent) -> FileIntent:
        """The intent with the very files that a pattern means; they are unknown where the store's variables are not set."""
        try:
            return self._work.expanded(intent)
        except MissingVariable:
            if isinstance(intent, CopyFiles):
                return replace(intent, pairs=self._unseen(intent.source))
            return replace(intent, paths=self._unseen(intent.path)) if isinstance(intent, DeleteFiles) else intent

    def _unseen(self, address: Any) -> Unknown:
        return Unknown.named(f"the files of {address}")

    def listed(self, intent: ListFiles) -> Iterator[dict[str, Any]]:
        """The records of the files that would be there. Raises MissingVariable: they cannot be looked at."""
        return self._work.listed(intent)

    def _would_be_there(self, address: str, recursive: bool) -> Iterator[dict[str, Any]]:
        """The files that are there, and those that earlier steps would have made, without those they would have removed."""
        found = {each.address: each.record() for each in self._there(address, recursive=recursive)}
        wanted = address if is_pattern(address) else _inside(address, recursive=recursive)
        found |= {made: self._would_be(made, wanted) for made in self._notes.made if fits(wanted, made)}
        for each in sorted(found, key=str.encode):
            if each not in self._notes.gone:
                yield found[each]

    def _there(self, address: str, *, recursive: bool) -> Iterator[Found]:
        """The files that are there; a store's folder that is not may be one that an earlier step makes: the run tells."""
        with suppress(NotFound):
            yield from found_files(self._connections.file, address, recursive=recursive)

    def _would_be(self, address: str, pattern: str) -> dict[str, Any]:
        name = f"{self._notes.name(self._step_id, None)}.rows"
        size = self._looked(address, name)["size"]
        return {**name_parts(address, pattern), "size": size, **_unknown(name, "modified", "etag", "version")}

    def do(self, intent: FileIntent, record: int | None) -> Any:
        """What stands for the answer: what is known of it, and by name what only the run will know."""
        name = self._notes.name(self._step_id, record)
        match intent:
            case CopyFile() | CopyFiles() | DeleteFiles():
                result = self._changed(intent, name)
                return self._notes.result(self._step_id, record) if self._step_id in self._notes.samples else result
            case LookAt() if not isinstance(intent.path, Unknown):
                return self._looked(str(intent.path), name)
            case AwaitFiles() if not isinstance(intent.path, Unknown):
                return self._awaited(str(intent.path), name)
        return self._notes.result(self._step_id, record)

    def _changed(self, intent: CopyFile | CopyFiles | DeleteFiles, name: str) -> dict[str, Any]:
        """Remembers what would have changed."""
        if isinstance(intent, DeleteFiles):
            return self._deleted(intent, name)
        if isinstance(intent, CopyFiles):
            return self._copies(intent, name)
        self._note(intent.source, intent.target, moves=intent.manner.moves)
        return {"path": intent.target, **_unknown(name, "size", "checksum", "action")}

    def _note(self, source: Any, target: Any, *, moves: bool) -> None:
        if not isinstance(target, Unknown):
            self._notes.gone.discard(target)
            if not isinstance(source, Unknown):
                self._notes.made[target] = self._notes.made.get(source, source)
        if moves and not isinstance(source, Unknown):
            self._notes.gone.add(source)

    def _copies(self, intent: CopyFiles, name: str) -> dict[str, Any]:
        pairs = intent.pairs or self._pairs(intent)
        known = [] if isinstance(pairs, Unknown) else list(pairs)
        for source, target in known:
            self._note(source, target, moves=intent.manner.moves)
        word = "moved" if intent.manner.moves else "copied"
        count = _unknown(name, "count") if isinstance(pairs, Unknown) else {"count": len(known)}
        return {**count, **_unknown(name, "bytes", word, "skipped", "unchanged")}

    def _pairs(self, intent: CopyFiles) -> Any:
        expanded = self.expanded(intent)
        return expanded.pairs if isinstance(expanded, CopyFiles) else ()

    def _deleted(self, intent: DeleteFiles, name: str) -> dict[str, Any]:
        expanded = self.expanded(intent)
        paths = expanded.paths if isinstance(expanded, DeleteFiles) else None
        if isinstance(paths, tuple):
            self._notes.gone.update(paths)
            return {"count": len(paths)}
        if not isinstance(intent.path, Unknown):
            self._notes.gone.add(str(intent.path))
        return _unknown(name, "count")

    def _looked(self, address: str, name: str) -> dict[str, Any]:
        if address in self._notes.gone:
            return {"exists": False, **NOTHING}
        try:
            found = self._work.look(address)
        except MissingVariable:
            return _unknown(name, "exists", *NOTHING)
        return {**found, **_unknown(name, "modified", "etag", "version")} if address in self._notes.made else found

    def _awaited(self, address: str, name: str) -> dict[str, Any]:
        try:
            seen = look_for(self._connections.file, address)
        except MissingVariable:
            seen = None
        if seen is not None:
            return {field: value for field, value in seen.items() if field != "digest"}
        return {"exists": True, **_unknown(name, *NOTHING, "count")}


def _unknown(name: str, *fields: str) -> dict[str, Any]:
    return {field: Unknown.named(f"{name}.{field}") for field in fields}


def _inside(folder: str, *, recursive: bool) -> str:
    """The pattern of what is in a folder."""
    path = parse_address(folder).path.rstrip("/")
    named = folder[: len(folder) - len(parse_address(folder).path)]
    inside = "**/*" if recursive else "*"
    return f"{named}{path}/{inside}" if path else f"{named}{inside}"
