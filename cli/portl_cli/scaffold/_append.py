"""Steps of a new job added to one that is there: only its text grows, so that comments and layout stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import yaml

from portl.errors import JobError
from portl.jobs import Job, walk_steps
from portl_cli.scaffold._answers import Answers
from portl_cli.scaffold._job import Names, Parts, parts
from portl_cli.scaffold._yaml_text import inline, item

_KINDS = {"database": "postgres", "api": "http"}
"""Connections that a job shares: there is seldom a second database."""


def appended(text: str, job: Job, answers: Answers, sample: str) -> str:
    """The job's text with the parameters, connections and steps that it lacks.

    Raises:
        JobError: its steps are written in a way that nothing can be added to.
    """
    found = parts(answers, sample, _names(job))
    text = _with_steps(text, found)
    text = _with_entries(text, "connections", _new(found.connections, job.connections))
    return _with_entries(text, "params", _new(found.params, job.params))


def _new(entries: Mapping[str, Any], there: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if name not in there}


def _names(job: Job) -> Names:
    steps = {name for step in walk_steps(job.steps) for name in (step.id, step.name)}
    chosen: dict[str, str] = {}
    for each in fields(Names):
        wanted = str(each.default)
        if each.name in _KINDS:
            same = [name for name, spec in job.connections.items() if spec.get("type") == _KINDS[each.name]]
            chosen[each.name] = same[0] if same else free(wanted, job.connections)
        elif each.name == "function":
            chosen[each.name] = free(wanted, job.connections)
        else:
            chosen[each.name] = free(wanted, job.params if each.name in ("path", "batch_id") else steps)
    return replace(Names(), **chosen)


def free(wanted: str, taken: Iterable[str]) -> str:
    """A name that is not taken: ``read``, ``read_2`` …."""
    known = set(taken)
    name, number = wanted, 2
    while name in known:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _with_steps(text: str, found: Parts) -> str:
    _, node = _value(text, "steps")
    if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
        raise JobError("the job's steps stand on one line: put each on lines of its own, then add to them")
    indent = " " * node.start_mark.column
    lines = [line for step in found.steps for line in ("", *item(step, indent))]
    return _inserted(text, _end(node), lines)


def _with_entries(text: str, key: str, entries: dict[str, Any]) -> str:
    if not entries:
        return text
    start, node = _value(text, key)
    if not isinstance(node, yaml.MappingNode):
        return _new_block(text, key, entries, start)
    if node.flow_style:
        more = ", ".join(f"{inline(name)}: {inline(value)}" for name, value in entries.items())
        at = node.end_mark.index - 1
        return text[:at].rstrip() + (", " if node.value else "") + more + text[at:]
    indent = " " * node.start_mark.column
    return _inserted(text, _end(node), [f"{indent}{inline(name)}: {inline(value)}" for name, value in entries.items()])


def _new_block(text: str, key: str, entries: dict[str, Any], there: int | None) -> str:
    lines = [f"{key}:", *(f"  {inline(name)}: {inline(value)}" for name, value in entries.items())]
    if there is not None:
        raise JobError(f"the job's {key} are empty: write a mapping there, or leave the field out")
    at, _ = _value(text, "steps")
    assert at is not None  # noqa: S101 - a job without steps was refused before
    return text[:at] + "".join(f"{line}\n" for line in lines) + "\n" + text[at:]


def _value(text: str, key: str) -> tuple[int | None, yaml.Node | None]:
    """Where the key stands, in characters, and its value's node."""
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    for name, value in document.value if document else ():
        if name.value == key:
            return name.start_mark.index, value
    return None, None


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends. YAML counts the blank lines and comments behind a block to it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _inserted(text: str, end: int, lines: list[str]) -> str:
    """The text with lines put behind the line in which ``end`` stands, or that it just passed."""
    if text[end - 1 : end] != "\n":
        line_end = text.find("\n", end)
        end = len(text) if line_end < 0 else line_end + 1
    before = text[:end] if text[:end].endswith("\n") else text[:end] + "\n"
    return before + "".join(f"{line}\n" for line in lines) + text[end:]
