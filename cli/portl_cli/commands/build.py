"""``portl build``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from portl.connections import parse_target
from portl.errors import JobError, SetupError
from portl.jobs import Job
from portl.runs import SPECS
from portl_cli.commands._deployment import with_block
from portl_cli.commands._project import TEMPLATE, Project, compiled, find_project
from portl_cli.compile import definition_text


@click.command("build")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when something differs from what would be written.")
@click.option("--project", type=click.Path(path_type=Path), default=Path(), help="A folder of the project.")
def command(*, check: bool, project: Path) -> int:
    """Compile every job of statemachines/ and write its state machine and the template's block.

    \b
    Example:
      portl build --check
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    found = find_project(project)
    wanted = outputs(found)
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    stale = [path for path in packaged(found) if path not in wanted]
    if not check:
        _write(wanted, stale)
    for path in changed:
        click.echo(f"{path.relative_to(found.root)} {'differs: run portl build' if check else 'written'}")
    for path in stale:
        click.echo(f"{path.relative_to(found.root)} {'belongs to no step: run portl build' if check else 'removed'}")
    if not changed and not stale:
        click.echo("everything is as it would be written")
    return 1 if check and (changed or stale) else 0


def _write(wanted: Mapping[Path, str], stale: Iterable[Path]) -> None:
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    for path in stale:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def packaged(project: Project) -> list[Path]:
    """The packaged specs that stand beside the project's machines."""
    return sorted(path for job in project.jobs for path in (job.parent / SPECS).glob("*.json"))


def _deployable(path: Path, job: Job) -> None:
    for name, spec in job.connections.items():
        if spec.get("type") == "local":
            text = f"connection {name} is a folder of this machine: put a store of type s3 there, and the folder into a profile"
            raise JobError(f"{path}: {text}")
        if spec.get("type") == "lambda" and parse_target(str(spec["function"])).kind == "file":
            raise JobError(
                f"{path}: connection {name} names {spec['function']}, which is local only: make it a function's folder"
            )


def outputs(project: Project) -> dict[Path, str]:
    """What the project's generated files should hold.

    Raises:
        SetupError: V121, the project has no template of its own to write into.
    """
    if project.bundled:
        hint = f"`portl init --deploy` writes a {TEMPLATE}, and the functions and the layer it names"
        raise SetupError(f"{project.root} has no {TEMPLATE}", code="V121", hint=hint)
    jobs = [(path, compiled(path)[1]) for path in project.jobs]
    for path, job in jobs:
        _deployable(path, job.job)
    texts = {path.parent / f"{job.job.job}.asl.json": definition_text(job.definition) for path, job in jobs}
    texts |= {path.parent / SPECS / f"{digest}.json": text for path, job in jobs for digest, text in job.specs.items()}
    template = project.root / TEMPLATE
    texts[template] = with_block(template.read_text("utf-8"), [job for _, job in jobs])
    return texts
