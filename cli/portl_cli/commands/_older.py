"""A job of the older form, where a command takes any job."""

from __future__ import annotations

import click

from portl.errors import JobError
from portl.jobs import Job
from portl.values import REDACTOR
from portl_cli.legacy import OldJob


def older_job(old: OldJob) -> Job:
    """The job that an older file means, and says on standard error that it was turned into steps.

    Raises:
        JobError: it is wrong, or something in it has no equal; with every diagnostic.
    """
    if old.job is None:
        errors = [each for each in old.findings if each.level == "error"]
        raise JobError(f"{old.file}: {len(errors)} problem{'s' if len(errors) != 1 else ''}", old.findings)
    for value in old.converted.secrets.values():
        REDACTOR.add(value)
    old.lend_secrets()
    click.echo(f"{old.file} is of the older form and runs as steps; `portl migrate {old.file}` writes them", err=True)
    return old.job
