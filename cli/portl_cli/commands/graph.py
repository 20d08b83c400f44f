"""``portl graph``."""

from __future__ import annotations

from pathlib import Path

import click

from portl.errors import SetupError
from portl_cli.commands._project import compiled
from portl_cli.compile.picture import mermaid, svg

FORMATS = {"mermaid": mermaid, "svg": svg}


@click.command("graph")
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="mermaid", show_default=True, help="Its language.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write, instead of printing.")
def command(job: Path, form: str, output: Path | None) -> int:
    """Draw the state machine of JOB, as a Mermaid flowchart or as an SVG file that stands alone.

    \b
    Example:
      portl graph statemachines/resource_sync/job.yaml --format svg -o resource_sync.svg
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    _, found = compiled(job)
    text = FORMATS[form](found.definition)
    if output is None:
        click.echo(text, nl=False)
        return 0
    try:
        output.write_text(text, "utf-8")
    except OSError as problem:
        hint = "check the folder and its mode"
        raise SetupError(f"{output} cannot be written: {problem.strerror}", code="V124", hint=hint) from problem
    click.echo(f"{output} written", err=True)
    return 0
