"""``portl check``."""

from __future__ import annotations

from pathlib import Path

import click

from portl_cli.commands._project import compiled


@click.command("check")
@click.argument("jobs", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(jobs: tuple[Path, ...]) -> int:
    """Say what is wrong with JOBS, each finding with file, line and column. Nothing is run.

    \b
    Example:
      portl check statemachines/resource_sync/job.yaml
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    for path in jobs:
        _, found = compiled(path)
        click.echo(f"{path}: right; {len(found.segments)} segments, at most {found.budget.payload_bytes:,} bytes of state")
    return 0
