"""``portl graph``."""

from __future__ import annotations

from pathlib import Path

import click

from portl_cli.commands._project import compiled
from portl_cli.compile import mermaid


@click.command("graph")
@click.argument("job", type=click.Path(path_type=Path))
def command(job: Path) -> int:
    """Draw the state machine of JOB as a Mermaid flowchart.

    \b
    Example:
      portl graph statemachines/resource_sync/job.yaml
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    _, found = compiled(job)
    click.echo(mermaid(found.definition), nl=False)
    return 0
