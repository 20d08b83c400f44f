"""Waiting for files: what is there is looked at, compared with what was there before, and kept in the run in between.

``awaited/<step>.json`` is ``{began, since, seen}``: times in seconds since 1970, and what was there at the last look.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from portl.errors import NotFound, RunError, StepError
from portl.runs._clock import unscaled
from portl.runs._file_intents import AwaitFiles
from portl.runs._folder import RunFolder
from portl.stores import File, facts, found_files, is_pattern, told_of
from portl.stores import Found as FoundFile


class StillWaiting(StepError):
    """What is waited for is not there yet, or not stable: it is to be looked at again in ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__("what is waited for is not there yet", code="R173", outcome="Transient")
        self.seconds = max(1, math.ceil(seconds))  # a Wait state takes whole seconds


def has_looked(folder: RunFolder, step_id: str) -> bool:
    """Whether this is not the first look."""
    return folder.exists(_name(step_id))


def wait_for_files(at: Callable[[str], File], folder: RunFolder, step_id: str, intent: AwaitFiles) -> dict[str, Any]:
    """What is there, once it has been the same for ``stable_s`` seconds: ``{exists, size, modified, etag, version, count}``.

    Raises:
        StillWaiting: not yet; RunError: R173, ``timeout_s`` is over.
    """
    now = time.time()
    state = folder.find(_name(step_id)) or {"began": now, "since": now, "seen": None}
    seen = look_for(at, str(intent.path))
    if seen != state["seen"]:
        state = {**state, "since": now, "seen": seen}
    same, waited = unscaled(now - state["since"]), unscaled(now - state["began"])
    if seen is not None and same >= intent.stable_s:
        return {name: value for name, value in seen.items() if name != "digest"}
    folder.write(_name(step_id), state)
    if waited >= intent.timeout_s:
        raise _too_late(intent, seen, same)
    left = [intent.every_s, intent.timeout_s - waited, *([intent.stable_s - same] if seen is not None else [])]
    raise StillWaiting(min(left))


def look_for(at: Callable[[str], File], address: str) -> dict[str, Any] | None:
    """What is under an address, or all that a pattern means taken together; None where no file is."""
    if is_pattern(address):
        found = []
        with suppress(NotFound):  # who writes the files may make the store's folder too
            found = list(found_files(at, address))
    else:
        file = at(address)
        with told_of(file):
            entry = file.store.stat(file.path, missing_ok=True)
        found = [FoundFile(address, entry, "")] if entry is not None and entry.kind == "file" else []
    return _together(found) if found else None


def _together(found: list[FoundFile]) -> dict[str, Any]:
    about = [[each.address, facts(each.entry)] for each in found]
    one: dict[str, Any] = facts(found[0].entry) if len(found) == 1 else {"etag": None, "version": None}
    newest = max((each.entry.modified for each in found if each.entry.modified), default=None)
    return {
        "exists": True,
        **one,
        "size": sum(each.entry.size for each in found),
        "modified": newest.isoformat() if newest else None,
        "count": len(found),
        "digest": hashlib.sha256(json.dumps(about).encode()).hexdigest(),
    }


def _too_late(intent: AwaitFiles, seen: dict[str, Any] | None, same: float) -> RunError:
    if seen is None:
        last = "it never came"
    else:
        files = "" if seen["count"] == 1 else f"{seen['count']:,} files of "
        last = f"{files}{seen['size']:,} bytes are there, and changed {same:,.0f} s ago"
    text = f"{intent.path} was waited for {intent.timeout_s:,.0f} s: {last}"
    return RunError(text, code="R173", hint="is who writes it late? timeout_s says how long to wait")


def _name(step_id: str) -> str:
    return f"awaited/{step_id}.json"
