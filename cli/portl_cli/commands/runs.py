"""``portl runs``."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import click

from portl.values import redact
from portl_cli.commands._aws_mark import was_on_aws
from portl_cli.commands._ending import find_run, kept_runs, page_of, whole_run
from portl_cli.commands._project import find_project, runs_folder
from portl_cli.commands._replay import command as replay_run
from portl_cli.commands._run_forms import WRITERS

PROJECT = click.option(
    "--project",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="A folder of the project.",
)


@click.group("runs")
def command() -> None:
    """Look at the runs of this machine.

    \b
    Example:
      portl runs list
      portl runs show last
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


@command.command("list")
@PROJECT
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_runs(*, start: Path, limit: int, as_json: bool) -> int:
    """List runs, newest first: when each started, how it ended, how long it took and how many records it read.

    \b
    Example:
      portl runs list --limit 5
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    root = runs_folder(find_project(start))
    found = list(islice(kept_runs(root), limit))
    if as_json:
        click.echo(json.dumps([_short(root, run) for run in found], ensure_ascii=False))
        return 0
    if not found:
        click.echo(f"no runs in {os.path.relpath(root)}", err=True)
    for line in _table(found):
        click.echo(line)
    return 0


@command.command("show")
@click.argument("run")
@PROJECT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *WRITERS]),
    default="text",
    help="For people; as a page of Markdown with its picture; or a failed one as GitHub's finding at a line of its job.",
)
@click.option("--open-path", is_flag=True, help="Print only the path of its page, for a browser.")
@click.option("--failed", is_flag=True, help="Only the records that failed and were kept aside: its dead letters.")
def show_run(*, run: str, start: Path, as_json: bool, form: str, open_path: bool, failed: bool) -> int:
    """Show what RUN came to, as it said at its end, and where its page is.

    RUN is a run's id, the beginning of one, or `last`.

    \b
    Example:
      portl run statemachines/resource_sync/job.yaml --param path=resources.csv --demo
      portl runs show last
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    root = runs_folder(find_project(start))
    folder = root / find_run(root, run)
    if failed:
        return _show_failed(folder, as_json=as_json)
    found = whole_run(folder)
    page = page_of(folder)
    if open_path:
        if page is None:
            raise click.UsageError(f"{folder.name} has no page: it is {_word(found)}")
        click.echo(page)
    elif form in WRITERS:
        click.echo(WRITERS[form](found, folder), nl=False)
    elif as_json:
        click.echo(json.dumps({**found, "folder": str(folder), "page": str(page) if page else None}, ensure_ascii=False))
    else:
        for line in _shown(found, folder, page):
            click.echo(line)
    return 0


command.add_command(replay_run)


def _show_failed(folder: Path, *, as_json: bool) -> int:
    from portl_cli.commands._letters import letter_lines, letters_of

    if as_json:
        click.echo(json.dumps([*letters_of(folder)], ensure_ascii=False))
        return 0
    none = True
    for line in (line for letter in letters_of(folder) for line in letter_lines(letter)):
        none = False
        click.echo(redact(line))
    if none:
        click.echo(f"run {folder.name} has no dead letters", err=True)
    elif was_on_aws(folder) is None:
        click.echo(redact(f"{_replay(folder)}  does them again"))
    return 0


def _replay(folder: Path) -> str:
    """The command that does its dead letters again, as it said at its end."""
    from portl_cli.commands._again import all_failed_command, made_with, profile_of

    where = made_with(profile_of(folder), demo=False)
    return str(whole_run(folder).get("replay") or all_failed_command(folder, where=where))


def _short(root: Path, run: dict[str, Any]) -> dict[str, Any]:
    names = ("run", "job", "status", "started", "seconds", "records")
    return {**{name: run.get(name) for name in names}, "folder": str(root / run["run"])}


def _table(runs: list[dict[str, Any]]) -> list[str]:
    from portl_cli.page import words

    rows = [("run", "job", "status", "started", "took", "records")] if runs else []
    for run in runs:
        started = words.moment(words.when(run.get("started")))
        records = words.UNKNOWN if run.get("records") is None else f"{run['records']:,}"
        rows.append((run["run"], run["job"], _word(run), started, words.duration(run.get("seconds")), records))
    widths = [max(len(row[at]) for row in rows) for at in range(6)] if rows else []
    return [
        "  ".join(_cell(text, w, at) for at, (text, w) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows
    ]


def _cell(text: str, width: int, at: int) -> str:
    """Figures stand at the right."""
    return text.rjust(width) if at > 3 else text.ljust(width)  # noqa: PLR2004 - the first four are words


def _shown(found: dict[str, Any], folder: Path, page: Path | None) -> list[str]:
    went_on = f", went on from {found['base']}" if found.get("base") else ""
    lines = [f"run {found['run']}: {_word(found)}{went_on}", *found["lines"]]
    return [*lines, f"  run page {os.path.relpath(page)}"] if page else [*lines, f"  run folder {os.path.relpath(folder)}"]


def _word(run: dict[str, Any]) -> str:
    from portl_cli.page import status_word

    return status_word(str(run["status"]))
