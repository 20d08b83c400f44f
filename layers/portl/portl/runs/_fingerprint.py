"""What a Task is done on, as one hash: what its steps say, what they are done on, and what the results they read say.

A Task of a later run with the same hash would come to the same. How often a step is tried, how long it may take and how many
calls are under way together are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Any

from portl.errors import MissingVariable
from portl.runs._csv_files import checksums, checksums_name
from portl.runs._file_intents import CopyFile, DeleteFiles, Manner, Pin
from portl.runs._intents import Intent, Invocation, ReadRecords, Request, WriteFile
from portl.runs._letters import set_aside
from portl.runs._results import PER_RECORD, part_name
from portl.runs._rows import digest_name, part_digests
from portl.runs._task import Task
from portl.runs._units import find_result
from portl.values import Unknown, kept, redact, to_json

_MANNER = frozenset({"retry", "timeout_s", "concurrency", "parallel", "rate"})
"""Fields of a step that say how it is done, not what."""
_CONNECTION_MANNER = frozenset({"timeout_s", "connect_timeout_s", "max_connections"})
_BRANCHES = ("then", "else")
NONE = "none"


def meaning(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of a step's spec says what it does; of its batch only what a record is called, for the records count themselves."""
    found = {name: value for name, value in spec.items() if name not in _MANNER}
    if "batch" in found:
        found["batch"] = found["batch"].get("as", "row")
    return found | {name: [meaning(each) for each in spec[name]] for name in _BRANCHES if name in spec}


def step_ids(task: Task) -> list[str]:
    """The ids of every step of a Task, those in branches included."""
    return [step_id for group in task.groups for step in group.steps for step_id in _ids(step)]


def _ids(spec: Mapping[str, Any]) -> Iterator[str]:
    yield str(spec["id"])
    for name in _BRANCHES:
        for each in spec.get(name, ()):
            yield from _ids(each)


def fingerprint(task: Task) -> str:
    """The hash of a Task over records, or of one that works on a database."""
    own = {*step_ids(task)}
    found = {each for ids in task.reads.values() for each in ids if each.removesuffix(PER_RECORD) not in own}
    if task.mask:
        found.add(task.mask[0] + PER_RECORD)
    reads = {name: _digest(task, name) for name in sorted(found)}
    return _hash({**_about(task), "sources": [*_sources(task)], "reads": reads, "aside": [*_aside(task)]})


def fingerprint_once(task: Task, intent: Intent | None) -> str:
    """The hash of a Task that is done once: of what it is about to do, None when its ``when`` leaves it out."""
    file = None
    if isinstance(intent, ReadRecords) and not isinstance(intent.path, Unknown):
        with suppress(MissingVariable):  # of a plan; a run cannot read it either, and says so
            file = checksums(intent, task.connections)
    return _once(task, intent, file)


def fingerprint_done(task: Task, intent: Intent | None) -> str:
    """The same of a Task that has just been done: what it has read need not be read for it once more."""
    file = None
    if isinstance(intent, ReadRecords):
        file = task.folder.find(checksums_name(str(task.step["id"])))
    return _once(task, intent, file)


def _once(task: Task, intent: Intent | None, file: Any) -> str:
    given = _given(intent) if intent else None
    if isinstance(intent, WriteFile):
        file = {name: _digest(task, name) for name in sorted({each for ids in task.reads.values() for each in ids})}
    return _hash({**_about(task), "intent": redact(to_json(given)), "file": file})


def call_print(task: Task, intent: Request | Invocation | CopyFile | DeleteFiles) -> str:
    """The hash of what one call asks, and of whom; of a change to files all the stores that it may lead to."""
    given = redact(to_json(_given(intent)))
    if isinstance(intent, CopyFile | DeleteFiles):
        return _hash([given, {name: _connection(spec) for name, spec in task.connection_specs.items()}])
    return _hash([given, _connection(task.connection_specs.get(intent.connection, {}))])


def _given(intent: Intent) -> dict[str, Any]:
    found = {each.name: getattr(intent, each.name) for each in fields(intent) if each.compare and each.name not in _MANNER}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Request):
        return _given(value)
    return asdict(value) if isinstance(value, Manner | Pin) else value


def record_print(record: Any) -> str:
    """The hash of a record."""
    return _hash(to_json(record))


def _about(task: Task) -> dict[str, Any]:
    steps = [[meaning(step) for step in group.steps] for group in task.groups]
    said = json.dumps(steps, ensure_ascii=False)
    return {
        "steps": steps,
        "unit": task.unit,
        "mask": task.mask,
        "chunk": task.chunk,
        "connections": {name: _connection(spec) for name, spec in task.connection_specs.items()},
        "params": {name: value for name, value in task.run.params.items() if name in said},
    }


def _connection(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in _CONNECTION_MANNER}


def _sources(task: Task) -> Iterator[list[Any]]:
    """Of each list the digests of the Task's parts, and how large a part is: the number of a record hangs on it."""
    for group in task.groups:
        if group.rows is not None:
            parts = range(group.rows.chunks) if task.chunk is None else (task.chunk,)
            yield [group.rows.size, *part_digests(task.folder, group.rows, parts)]


def _aside(task: Task) -> Iterator[list[int]]:
    """Of each list the records that are left out because an earlier step has kept them aside."""
    for group in task.groups:
        if group.rows is not None and group.after:
            parts = range(group.rows.chunks) if task.chunk is None else (task.chunk,)
            yield sorted(idx for part in parts for idx in set_aside(task.folder, group.after, part, writer=task.letters_by))


def _digest(task: Task, name: str) -> list[str]:
    step_id = name.removesuffix(PER_RECORD)
    if step_id == name:
        return [_whole(task, step_id)]
    if task.chunk is not None:
        return [_part(task, step_id, task.chunk)]
    found: list[str] = []
    while not found or found[-1] != NONE:
        found.append(_part(task, step_id, len(found)))
    return found


def _part(task: Task, step_id: str, part: int) -> str:
    name = find_result(task.folder, step_id, part_name(step_id, part), part)
    return task.folder.digest(name) if task.folder.exists(name) else NONE


def _whole(task: Task, step_id: str) -> str:
    """The digest of a result that stands for itself; where its rows are kept does not count, what they are does."""
    found = task.folder.find(find_result(task.folder, step_id, f"results/{step_id}.json"))
    if found is None or not isinstance(found["value"], dict):
        return _hash(found)
    lists = {name: found["value"][name]["$rows"] for name in found["lists"] if name in found["value"]}
    return _hash(found["value"] | {name: task.folder.find(digest_name(rows["ref"])) for name, rows in lists.items()})


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=kept)
    return hashlib.sha256(text.encode()).hexdigest()
