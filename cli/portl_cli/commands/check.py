"""``portl check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from portl.connections import CONNECTION_TYPES
from portl.errors import JobError, PortlError
from portl.jobs import NO_STORES_FILE, PROFILE, Diagnostic, Job, StoresFile, check_file, check_stores, with_profile
from portl.steps import STEP_TYPES
from portl.values import redact
from portl_cli.commands._findings import WRITERS, Checked, Look, page, text_lines
from portl_cli.commands._profile import profile_option
from portl_cli.commands._project import compiled_in, find_project, functions_around, stores_file
from portl_cli.legacy import is_old_form, read_old_job

WRONG = 2
"""The exit code when a job is wrong."""


@click.command("check")
@click.argument("jobs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", *WRITERS]), default="text", help="For people, or for programs.")
@profile_option
@click.option("--strict", is_flag=True, help="Warnings make the exit code 2 too.")
@click.option("--explain", metavar="CODE", help="Show what a code means and the way out, and do nothing else.")
def command(jobs: tuple[Path, ...], form: str, *, strict: bool, explain: str | None) -> int:
    """Say what is wrong with JOBS, each finding with file, line and column. Nothing is run, nothing is touched.

    \b
    Example:
      portl check statemachines/resource_sync/job.yaml
      portl check --format sarif statemachines/*/job.yaml
      portl check --explain J209
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if explain is not None:
        _show_page(page(explain))
        return 0
    if not jobs:
        raise click.UsageError("name a job file, or --explain CODE")
    checked, problem = _check_all(jobs)
    _write(checked, form)
    wrong = any(each.count("error") or (strict and each.findings) for each in checked)
    if problem is not None and not wrong:
        raise problem
    if problem is not None:
        click.echo(redact(f"{problem.code} {problem.message}"), err=True)
    return WRONG if wrong else 0


def _check_all(jobs: Sequence[Path]) -> tuple[list[Checked], PortlError | None]:
    """What is found in all files; a problem of the environment waits until all that is wrong in them is told."""
    checked: list[Checked] = []
    waiting: PortlError | None = None
    for path in jobs:
        try:
            checked.append(_check(path / "job.yaml" if path.is_dir() else path))
        except PortlError as problem:
            waiting = waiting or problem
    return [*_check_stores(jobs), *checked], waiting


def _check_stores(jobs: Sequence[Path]) -> Iterator[Checked]:
    """What is wrong with the files of stores around the jobs; nothing of those that are right."""
    for file in sorted({file for path in jobs if path.exists() and (file := stores_file(path))}):
        findings = check_stores(file)[1]
        if findings:
            yield Checked(str(file), tuple(findings))


def _check(path: Path) -> Checked:
    file = str(path)
    try:
        stores_beside = stores_file(path) if path.exists() else None
        stores = (check_stores(stores_beside)[0] if stores_beside else None) or NO_STORES_FILE
        job, found = _read(path, stores)
        if job is None or any(each.level == "error" for each in found):
            return Checked(file, tuple(found))
        machine = compiled_in(find_project(path), with_profile(job, stores, os.environ.get(PROFILE)))
    except JobError as problem:
        return Checked(file, (Diagnostic(file, 1, 1, problem.code, problem.message),))
    return Checked(file, tuple(found), len(machine.segments), machine.budget.payload_bytes)


def _read(path: Path, stores: StoresFile) -> tuple[Job | None, Sequence[Diagnostic]]:
    """The job and what is wrong with it; of one of the older form at the places of its file."""
    functions = functions_around(path)
    if is_old_form(path):
        old = read_old_job(path, functions=functions, stores=stores)
        return old.job, old.findings
    return check_file(path, STEP_TYPES, CONNECTION_TYPES, functions=functions, stores=stores)


def _write(checked: Sequence[Checked], form: str) -> None:
    if form in WRITERS:
        sys.stdout.write(redact(WRITERS[form](checked)))
        return
    look = Look.of(sys.stderr)
    for each in checked:
        for line in text_lines(each, look):
            click.echo(redact(line), err=True, color=look.colour)
        if each.right:
            click.echo(f"{each.file}: right; {each.segments} segments, at most {each.payload_bytes:,} bytes of state")


def _show_page(text: str) -> None:
    """As it is written in a pipe, set on a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))
