"""Which host runs the functions of a local run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from portl.jobs import Job, walk_steps
from portl.values import redact
from portl_cli.commands._functions import job_hook
from portl_cli.engine import AWS_LIMITS, InlineHost, IsolateHost, Limits, WorkerHost

if TYPE_CHECKING:
    from portl_cli.commands._project import Project

HostName = Literal["inline", "workers", "isolate"]
Host = InlineHost | WorkerHost | IsolateHost

_DRIVERS = {"postgres": "portl.connections._postgres", "http": "portl.connections._http:ready"}
"""What a connection of a type loads when it is opened, as WorkerHost takes it."""


def start_host(
    name: HostName,
    project: Project,
    job: Job,
    job_folder: Path,
    run_folder: Path,
    *,
    limits: Limits = AWS_LIMITS,
    on_message: Callable[[dict[str, Any]], None] | None = None,
) -> Host:
    """Starts a host; whoever calls closes it.

    ``on_message`` is told how far functions are. What they print goes to ``output.log`` of the run's folder.
    """
    functions, hooks = project.template.functions, [job_hook(project, job, job_folder)]
    keep = keeper(run_folder / "output.log")
    if name == "inline":
        return InlineHost(functions, limits=limits, hooks=hooks, on_message=on_message, on_output=keep)
    if name == "isolate":
        return IsolateHost(functions, limits=limits, hooks=hooks, on_message=on_message, on_output=keep)
    loaded = [*modules(job)]
    return WorkerHost(functions, limits=limits, modules=loaded, hooks=hooks, on_message=on_message, on_output=keep)


def modules(job: Job) -> Iterator[str]:
    """What the functions of a job load, so that it is loaded once."""
    yield "portl_cli.commands._functions"
    yield "portl.runs._logger"
    yield from sorted({f"portl.steps.{step.type.replace('.', '_')}" for step in walk_steps(job.steps)})
    yield from sorted({_DRIVERS[str(spec["type"])] for spec in job.connections.values() if spec["type"] in _DRIVERS})


def keeper(file: Path) -> Callable[[str], None]:
    def keep(line: str) -> None:
        with suppress(OSError), file.open("a", encoding="utf-8") as stream:  # a full disk: who prints must not wait for ever
            stream.write(redact(line) + "\n")

    return keep
