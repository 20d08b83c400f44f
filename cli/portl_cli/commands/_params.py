"""``--param NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable

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
    """The parameters of a command line by name, as they were written."""
    return dict(_pair(text) for text in texts)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    return name, value
