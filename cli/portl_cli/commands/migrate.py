"""``portl migrate``."""

from __future__ import annotations

from pathlib import Path

import click

from portl.errors import JobError
from portl.values import REDACTOR, redact
from portl_cli.commands._project import functions_around, job_file, stores_around
from portl_cli.exit_codes import FAILED, JOB_WRONG
from portl_cli.legacy import OldJob, is_old_form, read_old_job, steps_text


@click.command("migrate")
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not to the terminal.")
@click.option("--key", "keys", multiple=True, metavar="COLUMN", help="A column that tells rows apart; may stand several times.")
@click.option("--force", is_flag=True, help="Replace the output if it is there.")
def command(*, job: Path, output: Path | None, keys: tuple[str, ...], force: bool) -> int:
    """Write an older JOB, one source and one destination, in the steps form, and list what has no equal there.

    Exit codes: 0 all of it is written; 1 something has no equal and was left out; 2 nothing could be written.

    \b
    Example:
      portl migrate old.yaml --key id --output job.yaml
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    file = job_file(job)
    if not is_old_form(file):
        raise JobError(f"{file} is no job of the older form: it has no source, or it has steps")
    old = read_old_job(file, keys=keys, leave_out=True, functions=functions_around(file), stores=stores_around(file))
    for value in old.converted.secrets.values():
        REDACTOR.add(value)
    tell_notes(old)
    if old.job is None:
        for each in old.findings:
            click.echo(redact(str(each)), err=True)
        return JOB_WRONG
    left = old.left_out
    comments = "".join(f"# no equal: {each}\n" for each in left)
    _write(comments + steps_text(old.converted.document), output, force=force)
    for line in left:
        click.echo(redact(f"no equal, and left out: {line}"), err=True)
    return FAILED if left else 0


def tell_notes(old: OldJob) -> None:
    """What was decided on the way, with the line that it is about."""
    for path, text in old.converted.notes:
        click.echo(redact(f"{old.file}:{old.line(path)} {'.'.join(map(str, path))}: {text}"), err=True)


def _write(text: str, output: Path | None, *, force: bool) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise JobError(f"{output} is there already: --force replaces it")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8")
    except OSError as problem:
        raise JobError(f"{output} cannot be written: {problem.strerror}") from problem
    click.echo(f"{output} written; look at it with: portl check {output}", err=True)
