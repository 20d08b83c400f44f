"""``portl query``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from portl.connections import Connections
from portl.errors import DatabaseError, SetupError
from portl.values import redact, to_json
from portl_cli.commands._project import find_project
from portl_cli.embedded import has_data, start_postgres
from portl_cli.exit_codes import JOB_WRONG

WIDEST = 60
"""Characters of a value that are shown in a table; ``--json`` has them all."""


@click.command("query")
@click.argument("sql")
@click.option(
    "--project",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="A folder of the project.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a row.")
def command(*, sql: str, start: Path, limit: int, as_json: bool) -> int:
    """Ask the embedded PostgreSQL of a project, where runs with --demo keep their tables. Nothing can be written.

    SQL is one statement; your own database is asked with a client of your own.

    \b
    Example:
      portl run statemachines/resource_sync/job.yaml --param path=resources.csv --demo
      portl query "SELECT code, name FROM resources ORDER BY code"
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    project = find_project(start).root
    if not has_data(project):
        hint = "a run with --demo makes it; tables of your own database are not looked at"
        raise SetupError(f"{project} has no embedded database yet", code="V131", hint=hint)
    try:
        columns, rows = _asked(project, sql)
    except DatabaseError as problem:
        click.echo(redact(f"{problem.code} {problem.message}" + (f"; {problem.hint}" if problem.hint else "")), err=True)
        return JOB_WRONG
    shown = rows[:limit]
    for line in _documents(columns, shown) if as_json else _table(columns, shown):
        click.echo(redact(line))
    if len(shown) < len(rows):
        click.echo(f"{limit:,} of {len(rows):,} rows; --limit shows more", err=True)
    return 0


def _asked(project: Path, sql: str) -> tuple[Sequence[str], list[Sequence[Any]]]:
    with start_postgres(project) as server, Connections({"demo": {"type": "postgres", "url": server.url}}) as connections:
        database = connections.get("demo")
        database.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        found = database.execute(sql)
    return found.columns, found.rows


def _documents(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(to_json(dict(zip(columns, row, strict=True))), ensure_ascii=False)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in (columns, ["-" * width for width in widths], *cells):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    """A value on one line."""
    found = to_json(value)
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"
