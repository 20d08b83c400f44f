"""``portl init``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click

from portl.connections import CONNECTION_TYPES
from portl.errors import JobError
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.commands._project import TEMPLATE, Project, find_project, read_job
from portl_cli.commands._wizard import Asking, ask
from portl_cli.compile import compile_job
from portl_cli.scaffold import (
    IGNORED,
    KINDS,
    Answers,
    appended,
    deployment_files,
    files_beside,
    folder,
    free,
    function_folder,
    job_files,
    sample_path,
    shown_first,
    write_all,
)

JOB = "job.yaml"
OPTIONS = ("kind", "name", "csv", "columns", "table", "key", "function", "database-var", "api-var", "api-path")


@click.command("init")
@click.option("--kind", metavar="KIND", help=f"What the job does: {', '.join(KINDS)}.")
@click.option("--name", metavar="NAME", help="The job's name; its folder is statemachines/NAME.")
@click.option("--csv", metavar="FILE", help="A CSV to take columns, types and key from; without it a sample is written.")
@click.option("--columns", metavar="NAMES", help="Columns without a CSV, such as 'email, name, born:date'.")
@click.option("--table", metavar="TABLE", help="The table; named after the job when not told.")
@click.option("--key", metavar="COLUMNS", help="The columns that tell one row from another, such as 'code, source'.")
@click.option("--function", metavar="FUNCTION", help="A folder of functions/, file.py:function beside the job, or an ARN.")
@click.option("--database-var", metavar="VARIABLE", help="The environment variable with the database's URL (PG_URL).")
@click.option("--api-var", metavar="VARIABLE", help="The environment variable with the API's address (API_URL).")
@click.option("--api-path", metavar="PATH", help="The path of the request (/records).")
@click.option("--if-exists", type=click.Choice(["overwrite", "append", "cancel"]), help="When the job is there already.")
@click.option(
    "--deploy",
    is_flag=True,
    help="Write what AWS needs too: template.yaml, functions/, layers/. Only that, if there are jobs and no other option is.",
)
@click.option("--project", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="A folder of the project.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the default wherever no option says otherwise.")
def command(*, if_exists: str | None, deploy: bool, project: Path, yes: bool, **given: str | None) -> int:
    """Write a new job that runs: the job, its table, and something to run it on.

    On a terminal it asks for what no option says. It shows the job before it writes, and overwrites nothing unasked.

    \b
    Example:
      portl init --kind csv-to-postgres --name people --columns "email, name, born:date" --yes
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    options = {name: value for name in OPTIONS if (value := given[name.replace("-", "_")]) is not None}
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        return _init(Asking(options, terminal=terminal, defaults=yes), project, if_exists, deploy=deploy)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nnothing was written", err=True)
        return 130


def _init(asking: Asking, start: Path, if_exists: str | None, *, deploy: bool) -> int:
    project = find_project(start)
    around = _around(project, deploy=deploy)
    if deploy and not asking.given and project.jobs:
        return _write_around(project, around)
    own = TEMPLATE in around or not project.bundled
    answers = ask(asking, project.root, own_template=own)
    if not own and answers.function is not None and answers.function.kind == "folder":
        project.function(answers.function.name)  # a folder without a template cannot have one of its own
    how = _how(asking, project.root, answers, if_exists)
    if how == "cancel":
        raise click.UsageError(f"{folder(answers)}/{JOB} is there already: --if-exists overwrite or append")
    template = around.get(TEMPLATE) or project.template_file.read_text("utf-8")
    files = _appended(project.root, answers) if how == "append" else job_files(answers)
    files = {**around, **files, **(_function(project.root, answers, template) if own else {})}
    _check(files[f"{folder(answers)}/{JOB}"], answers, project)
    changed = {path: text for path, text in files.items() if _text(project.root / path) != text}
    if how == "write":
        _keep(asking, project.root, changed, if_exists)
    _show(files[f"{folder(answers)}/{JOB}"], changed, project.root)
    if not asking.defaults and asking.terminal and not click.confirm("Write?", default=True):
        raise click.Abort
    write_all(project.root, changed)
    _next(project.root, answers, own=own)
    return 0


def _around(project: Project, *, deploy: bool) -> dict[str, str]:
    """What the project itself lacks."""
    if not project.bundled:
        return {}
    files = {} if (project.root / ".gitignore").exists() else {".gitignore": IGNORED}
    if not deploy:
        return files
    needed = deployment_files(_functions(project))
    found = {path: text for path, text in needed.items() if not (project.root / path).exists()}
    return {**files, **found}


def _functions(project: Project) -> set[str]:
    """What the project's jobs invoke. A job that is wrong is told of when it is built."""
    jobs = [read_job(job) for job in project.jobs if _readable(job)]
    return {str(spec.get("function")) for job in jobs for spec in job.connections.values() if spec.get("type") == "lambda"}


def _write_around(project: Project, around: Mapping[str, str]) -> int:
    """Only what a deployment needs: the jobs are there already."""
    if around:
        _list(around, project.root)
        write_all(project.root, around)
    click.echo("written; next\n  portl build" if around else f"{project.template_file} is there already")
    return 0


def _how(asking: Asking, root: Path, answers: Answers, told: str | None) -> str:
    """``write``, or what to do about a job that is there: ``overwrite``, ``append``, ``cancel``."""
    there = root / folder(answers) / JOB
    if not there.exists():
        return "write"
    if told is not None:
        return told
    if not asking.terminal or asking.defaults:
        return "cancel"
    choices = ["overwrite", "append", "cancel"] if _readable(there) else ["overwrite", "cancel"]
    chosen: str = click.prompt(f"{folder(answers)}/{JOB} is there already", type=click.Choice(choices), default="cancel")
    if chosen == "cancel":
        raise click.Abort
    return chosen


def _function(root: Path, answers: Answers, template: str) -> dict[str, str]:
    """The function the project lacks. Code that is there is never written over."""
    files = function_folder(answers, template)
    return {path: text for path, text in files.items() if path == TEMPLATE or not (root / path).exists()}


def _keep(asking: Asking, root: Path, changed: Mapping[str, str], told: str | None) -> None:
    """Asks before a file beside a new job takes the place of one that is there."""
    there = [path for path in changed if path != TEMPLATE and (root / path).is_file()]
    if not there or told == "overwrite":
        return
    if not asking.terminal or asking.defaults or told is not None:
        raise click.UsageError(f"{', '.join(there)} would be overwritten: --if-exists overwrite allows it")
    if not click.confirm(f"{', '.join(there)} would be overwritten. Do it?", default=False):
        raise click.Abort


def _readable(file: Path) -> bool:
    try:
        read_job(file)
    except JobError:
        return False
    return True


def _appended(root: Path, answers: Answers) -> dict[str, str]:
    """The job with more steps, and the files it then needs; those that are there only grow."""
    place = root / folder(answers)
    stems = {file.stem for file in place.glob("*.csv")}
    answers = replace(answers, stem=free(answers.name, stems))
    text = appended((place / JOB).read_text("utf-8"), read_job(place / JOB), answers, sample_path(answers))
    beside = {path: _grown(root / path, new) for path, new in files_beside(answers).items()}
    return {f"{folder(answers)}/{JOB}": text, **beside}


def _grown(file: Path, text: str) -> str:
    there = _text(file)
    if there is None:
        return text
    return there if file.suffix != ".sql" or text in there else f"{there.rstrip()}\n\n{text}"


def _text(file: Path) -> str | None:
    return file.read_text("utf-8") if file.is_file() else None


def _check(text: str, answers: Answers, project: Project) -> None:
    """A job is right before it is written.

    Raises:
        JobError: it is not: the job that steps were added to does not take them.
    """
    job, findings = parse_job(text.encode(), f"{folder(answers)}/{JOB}", STEP_TYPES, CONNECTION_TYPES)
    if job is None or findings:
        raise JobError("the job would not be right: nothing was written", tuple(findings))
    compile_job(job, project.timeout_s)


def _show(job: str, files: Mapping[str, str], root: Path) -> None:
    """The job as it will be, in colour on a terminal, and the files that will be written."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(job, "yaml", theme="ansi_dark", background_color="default", word_wrap=True))
    else:
        click.echo(job)
    _list(files, root)


def _list(files: Mapping[str, str], root: Path) -> None:
    click.echo("files")
    for path in shown_first({path: text for path, text in files.items() if not _many(path)}):
        click.echo(f"  {path}{' (is there: changed)' if (root / path).exists() else ''}")
    hidden = sorted({f"{PurePosixPath(path).parts[0]}/" for path in files if _many(path)})
    if hidden:
        click.echo(f"  {' and '.join(hidden)}, {sum(map(_many, files))} files that the template names")


def _many(path: str) -> bool:
    return path.startswith(("functions/", "layers/"))


def _needed(root: Path, answers: Answers) -> str:
    """The parameters that a run must be given; the last of them is that of the CSV, where that lies outside the project."""
    params = read_job(root / folder(answers) / JOB).params
    required = {name: "…" for name, spec in params.items() if spec.required}
    if answers.csv is not None and Path(answers.csv).is_absolute():
        required[[*required][-1]] = answers.csv
    return "".join(f" --param {shlex.quote(f'{name}={value}')}" for name, value in required.items())


def _next(root: Path, answers: Answers, *, own: bool) -> None:
    job = folder(answers)
    context = click.get_current_context().find_root()
    group = context.command
    known = group.list_commands(context) if isinstance(group, click.Group) else []
    click.echo("written; next")
    if root != Path.cwd():
        click.echo(f"  cd {os.path.relpath(root)}")
    needed = _needed(root, answers)
    for name, params in (("check", ""), ("plan", needed)):
        if name in known:
            click.echo(f"  portl {name} {job}{params}")
    click.echo(f"  portl run {job} --demo{needed}")
    if not own:
        click.echo("  (to deploy it later: portl init --deploy, then portl build)")
    if own and not (answers.function and answers.function.kind == "file"):
        click.echo("  portl build")
    if answers.function is not None and answers.function.kind == "file":
        click.echo(f"  ({answers.function.name} runs on this machine only; to deploy, make it a folder of functions/)")
