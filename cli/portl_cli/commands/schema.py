"""``portl schema``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from portl.errors import SetupError
from portl_cli.schema import schema_text


@click.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it into this file.")
@click.option(
    "--modeline",
    "job",
    metavar="JOB",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Say the first line that leads an editor from JOB to that file.",
)
def command(*, output: Path | None, job: Path | None) -> int:
    """Print the JSON Schema of a job, for the completion and the checks of an editor.

    \b
    Example:
      portl schema --output job.schema.json --modeline statemachines/resource_sync/job.yaml
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if job is not None and output is None:
        raise click.UsageError("--modeline leads to a file: name it with --output")
    if output is None:
        click.echo(schema_text(), nl=False)
        return 0
    try:
        output.write_text(schema_text(), "utf-8", newline="\n")
    except OSError as problem:
        text = f"{output} cannot be written: {problem.strerror}"
        raise SetupError(text, code="V125", hint="name a file in a folder that is there") from problem
    click.echo(f"{output} written" if job is None else modeline(job, output))
    return 0


def modeline(job: Path, schema: Path) -> str:
    """The comment that leads yaml-language-server from a job to its schema, the same on every machine.

    https://github.com/redhat-developer/yaml-language-server#using-inlined-schema
    """
    way = os.path.relpath(schema.resolve(), job.resolve().parent)
    return f"# yaml-language-server: $schema={Path(way).as_posix()}"
