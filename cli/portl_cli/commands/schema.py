"""``portl schema``."""

from __future__ import annotations

from pathlib import Path

import click

from portl_cli.schema import schema_text


@click.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it into this file.")
@click.option("--modeline", is_flag=True, help="Say the line for the top of a job, too, that leads an editor to that file.")
def command(*, output: Path | None, modeline: bool) -> int:
    """Print the JSON Schema of a job, for the completion and the checks of an editor.

    \b
    Example:
      portl schema --output job.schema.json --modeline
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if modeline and output is None:
        raise click.UsageError("--modeline names a file: give it with --output")
    if output is None:
        click.echo(schema_text(), nl=False)
        return 0
    try:
        output.write_text(schema_text(), "utf-8", newline="\n")
    except OSError as problem:
        raise click.BadParameter(f"{output} cannot be written: {problem.strerror}", param_hint="--output") from problem
    click.echo(f"# yaml-language-server: $schema={output.resolve().as_uri()}" if modeline else f"{output} written")
    return 0
