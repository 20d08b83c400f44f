"""``--param NAME=VALUE`` and ``--param @FILE``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from portl.errors import RunError
from portl.jobs import Job
from portl.runs import read_params


def given_params(job: Job, texts: Iterable[str]) -> dict[str, str]:
    """The parameters of a command line by name, checked against what the job declares.

    Raises:
        click.UsageError: one is unknown, missing or of the wrong type.
    """
    given = param_texts(texts)
    try:
        read_params(job.params, given)
    except RunError as problem:
        raise click.UsageError(f"{problem}{f'; {problem.hint}' if problem.hint else ''}") from None
    return given


def param_texts(texts: Iterable[str]) -> dict[str, str]:
    """The parameters of a command line by name, as they were written; what is named twice is what it is last."""
    return {name: value for text in texts for name, value in _pairs(text)}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    if text.startswith("@"):
        yield from _of_file(text[1:])
        return
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE, and no @FILE", param_hint="--param")
    yield name, value


def _of_file(name: str) -> Iterator[tuple[str, str]]:
    """A JSON object of a file, or of standard input for ``-``; null stands for a parameter that is not given."""
    try:
        found = json.loads(sys.stdin.read() if name == "-" else Path(name).read_text("utf-8-sig"))
    except OSError as problem:
        raise click.BadParameter(f"{name} cannot be read: {problem.strerror}", param_hint="--param") from problem
    except ValueError as problem:
        raise click.BadParameter(f"{name} is not JSON: {problem}", param_hint="--param") from problem
    if not isinstance(found, dict):
        raise click.BadParameter(f'{name} holds no JSON object, such as {{"path": "in.csv"}}', param_hint="--param")
    for each, value in found.items():
        if value is not None:
            yield each, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
