"""What a step has kept in the run of its work on files, so that a Task that is tried again, or a resumed run, ends the same.

``files/<step>/<hash>.json``: the files that a pattern meant when it was first looked at, what has been done of them
(``<hash>-done.json``), or what was about to be removed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from portl.runs._begin import Run
from portl.runs._folder import RunFolder


class FileNotes:
    """The notes of one step."""

    def __init__(self, folder: RunFolder, run: Run, step_id: str) -> None:
        self._folder, self._step_id = folder, step_id
        origin = run.origin
        self._bases = origin.bases if origin else ()
        self._anew = origin is not None and step_id in origin.redo

    def name(self, *about: Any) -> str:
        """The name of the note on something, JSON."""
        text = json.dumps(about, ensure_ascii=False)
        return f"files/{self._step_id}/{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def done(self, name: str) -> str:
        """The name of the note on what has been done of it."""
        return f"{name.removesuffix('.json')}-done.json"

    def plan(self, name: str) -> Any:
        """What was to be done, or None; not that of an earlier run when the step is to be done anew."""
        return self._folder.find(name) if self._anew else self.fact(name)

    def fact(self, name: str) -> Any:
        """What was done, here or in a run that this one goes on from, or None."""
        names = [name, *(f"/{base}/{name}" for base in self._bases)]
        return next((found for each in names if (found := self._folder.find(each)) is not None), None)

    def keep(self, name: str, value: Any) -> None:
        """Keeps a note, whole or not at all."""
        self._folder.write(name, value)
