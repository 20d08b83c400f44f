"""``portl doctor``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from portl.connections import secret_variable, variables
from portl.errors import JobError, SetupError
from portl_cli.commands._doctor.connections import look_at
from portl_cli.commands._doctor.found import Found, exit_code, failed
from portl_cli.commands._doctor.machine import aws_identity, dependencies, embedded_server, python
from portl_cli.commands._profile import profile_option
from portl_cli.commands._project import find_project, job_file, project_root, read_job
from portl_cli.commands._surroundings import missing, register_secrets

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@click.argument("jobs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--aws", is_flag=True, help="Ask AWS who this is too.")
@click.option("--no-server", is_flag=True, help="Do not try whether the embedded PostgreSQL starts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: {checks, exit}.")
@profile_option
def command(*, jobs: tuple[Path, ...], aws: bool, no_server: bool, as_json: bool) -> int:
    """Look at what JOBS need on this machine, the project's when none is named, and say how to mend what is wrong.

    Nothing is changed anywhere: each connection gets one cheap call.

    Exit codes: 0 all is well, 1 configuration, 2 authentication, 3 network, 4 permission; the first of these that failed.

    \b
    Example:
      portl doctor statemachines/resource_sync/job.yaml --no-server
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    found: list[Found] = []
    for each in _looks(jobs, aws=aws, server=not no_server):
        found.append(each)
        if not as_json:
            _show(each)
    code = exit_code(found)
    if as_json:
        click.echo(json.dumps({"checks": [each.document() for each in found], "exit": code}, ensure_ascii=False, indent=2))
    return code


def _show(found: Found) -> None:
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    first, *more = found.lines()
    click.echo(click.style(first, fg=_COLOURS[found.state]) if coloured else first)
    for line in more:
        click.echo(line)


def _looks(jobs: Sequence[Path], *, aws: bool, server: bool) -> Iterator[Found]:
    yield python()
    yield dependencies()
    root = project_root(jobs[0] if jobs else Path.cwd())
    if server:
        yield embedded_server(root)
    seen: set[str] = set()
    for path in jobs or sorted(root.glob("statemachines/*/job.yaml")):
        yield from _job(job_file(path), seen)
    if aws:
        yield from aws_identity()


def _job(file: Path, seen: set[str]) -> Iterator[Found]:
    """A job, its variables, and those of its connections that no job before it had."""
    try:
        job, project = read_job(file), find_project(file)
    except JobError as problem:
        errors = [each for each in problem.diagnostics if each.level == "error"]
        first = f"line {errors[0].line}: {errors[0].code} {errors[0].message}" if errors else problem.message
        yield Found(str(file), "fail", first, f"portl check {file}", "configuration")
        return
    except SetupError as problem:
        yield failed(str(file), "configuration", problem)
        return
    register_secrets(job, leave_missing=True)
    absent = missing(job)
    said = "is right" if not absent else f"is right; not set, or empty: {', '.join(absent)}"
    mend = f"export {' '.join(f'{name}=…' for name in absent)}" if absent else ""
    yield Found(f"job {job.job}", "fail" if absent else "ok", said, mend, "configuration" if absent else None)
    for name, spec in job.connections.items():
        mark = json.dumps([name, spec], sort_keys=True)
        if mark not in seen and not _unset(spec):
            seen.add(mark)
            yield from look_at(project, job, file.parent, name)


def _unset(spec: object) -> bool:
    return any(not os.environ.get(name if kind == "env" else secret_variable(name)) for kind, name in variables(spec))
