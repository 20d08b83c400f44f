"""A file moved, so that it is never lost and never there twice: copied, compared, noted, and only then removed.

Killed anywhere and tried again it ends the same. What is removed is what was copied: another content under its path is Changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from portl.errors import Changed, NotFound
from portl.runs._file_intents import CopyFile
from portl.runs._file_notes import FileNotes
from portl.stores import Entry, File, carried, look, said_of_file, same_file, told_of, transfer

Note = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """One move: from where, to where, and what is kept of it."""

    intent: CopyFile
    source: File
    target: File
    notes: FileNotes

    @property
    def _name(self) -> str:
        return self.notes.name("move", self.source.address, self.target.address)

    def run(self) -> dict[str, Any]:
        """Moves it, or finds that it was moved before, and answers ``{path, size, checksum, action}``.

        Raises:
            NotFound: it is not there, and was not moved before; Changed: it became another one meanwhile, and is kept.
            AlreadyExists, IsFolder, ChecksumMismatch, StoreError.
        """
        with told_of(self.source, self.target):
            note = self.notes.fact(self._name)
            entry = self.source.store.stat(self.source.path, missing_ok=True)
            if entry is None:
                return self._moved_before(note)
            entry = self._meant()
            if not self._is_copied(note, entry):
                if same_file(self.source, self.target):
                    return self._result("unchanged", entry.size, entry.checksum)
                note = self._carry(entry)
            if note is None:
                return self._result("skipped", entry.size, None)
            if not note["renamed"]:
                self._remove(entry)
            return self._result("moved", note["size"], note["checksum"])

    def _meant(self) -> Entry:
        """What is there, and is what the step means: a version that is not the newest one any more cannot be moved away."""
        etag = self.intent.pin.etag if self.intent.pin else None
        entry = look(replace(self.source, version=None), None if etag is None else str(etag))
        if self.source.version is not None and entry.version != self.source.version:
            raise said_of_file(Changed, self.source, "move")
        return entry

    def _moved_before(self, note: Note | None) -> dict[str, Any]:
        there = self.target.store.stat(self.target.path, missing_ok=True) if note else None
        if note is None or there is None or (note["renamed"] and there.etag == note["before"]):
            raise said_of_file(NotFound, self.source, "move")
        return self._result("moved", note["size"], note["checksum"])

    def _is_copied(self, note: Note | None, entry: Entry) -> bool:
        """Whether an attempt before this one came as far as the copy, and both files are still what they were."""
        if note is None or note["renamed"] or note["etag"] is None or note["etag"] != entry.etag:
            return False
        there = self.target.store.stat(self.target.path, missing_ok=True)
        return there is not None and there.etag == note["copy"]

    def _carry(self, entry: Entry) -> Note | None:
        """Brings the content to its target and notes it; None when what is there is to stay."""
        manner, source, target = self.intent.manner, self.source, self.target

        def carry(overwrite: bool) -> Note:
            note = self._renamed(entry, overwrite=overwrite)
            if note is not None:
                return note
            where = (source.store, source.path, target.store, target.path)
            made = transfer(*where, overwrite=overwrite, verify=manner.verify, etag=entry.etag)
            return self._noted(entry, made.checksum, renamed=False)

        found, note = carried(source, entry, target, manner.overwrite, carry, content_counts=True)
        return self._noted(entry, found.checksum, renamed=False) if found.what == "same" else note

    def _renamed(self, entry: Entry, *, overwrite: bool) -> Note | None:
        """The note, when one step of the store did it. It is kept before: afterwards nothing tells that the file was there."""
        if self.source.store.driver is not self.target.store.driver:
            return None
        note = self._noted(entry, entry.checksum, renamed=True)
        return note if self.source.store.rename(self.source.path, self.target.path, overwrite=overwrite) else None

    def _noted(self, entry: Entry, checksum: str | None, *, renamed: bool) -> Note:
        there = self._target_etag()
        note = {
            "from": self.source.address,
            "to": self.target.address,
            "size": entry.size,
            "checksum": checksum,
            "etag": entry.etag,
            "renamed": renamed,
            **({"before": there} if renamed else {"copy": there}),
        }
        self.notes.keep(self._name, note)
        return note

    def _target_etag(self) -> str | None:
        there = self.target.store.stat(self.target.path, missing_ok=True)
        return there.etag if there else None

    def _remove(self, entry: Entry) -> None:
        self.source.store.delete(self.source.path, missing_ok=True, if_match=entry.etag)

    def _result(self, action: str, size: int, checksum: str | None) -> dict[str, Any]:
        return {"path": self.target.address, "size": size, "checksum": checksum, "action": action}
