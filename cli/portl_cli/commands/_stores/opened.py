"""The stores that a command may touch: of the project around, of a job, and whatever an address names by itself."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from portl.connections import Connections, resolve
from portl.errors import (
    ConfigError,
    InvalidPath,
    IsFolder,
    JobError,
    NotAFolder,
    NotSupported,
    PermissionDenied,
    StoreError,
    StoreFull,
    StoreThrottled,
    StoreTimeout,
    Unavailable,
)
from portl.jobs import PROFILE, closest, is_store, with_profile
from portl.stores import File, parse_address
from portl.values import redact
from portl_cli.commands._profile import profile_option
from portl_cli.commands._project import begin_roots, job_file, read_job, stores_around
from portl_cli.exit_codes import DONE, ENVIRONMENT_WRONG, FAILED, JOB_WRONG

Specs = Mapping[str, dict[str, Any]]
_OF_WHAT_IS_THERE = (IsFolder, NotAFolder)
_OF_THE_COMMAND = (InvalidPath, NotSupported)
_OF_THE_ENVIRONMENT = (ConfigError, PermissionDenied, StoreFull, StoreThrottled, StoreTimeout, Unavailable)
_CHANGE = ("cp", "mv", "rm")


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores by name, as they are declared, and the connections that open them; after ``stop`` nothing is tried again."""

    specs: Specs
    connections: Connections
    stop: threading.Event

    def at(self, address: str) -> File:
        """The file of an address; nothing is asked of its store yet.

        Raises:
            UsageError: it is no address, or there is no such store; ConfigError, SetupError: it cannot be opened.
        """
        try:
            name = parse_address(address).store
        except InvalidPath as problem:
            raise click.UsageError(f"{problem.message}; {problem.hint}") from None
        if name and name not in self.specs:
            raise click.UsageError(f'there is no store "{name}"; {_way_out(name, address, self.specs)}')
        return self.connections.file(address)


def _way_out(name: str, address: str, known: Specs) -> str:
    if name == "s3":
        return f"a bucket is s3://{address.partition(':')[2]}"
    near = closest(name, known) or "none is declared in stores.yaml or stores.toml"
    return f"{near}{' A' if near.endswith('?') else '; a'} file of this machine is ./{address}"


@contextmanager
def opened(start: Path, job: Path | None) -> Iterator[Stores]:
    """The stores around a folder, and those of a job before them, with the profile that was chosen.

    Raises:
        JobError: the job or the file of stores is wrong, or nobody declares the profile; UsageError: the job is not there.
    """
    specs = {name: spec for name, spec in _declared(start, job).items() if is_store(spec)}
    for spec in specs.values():
        resolve(spec, leave_missing=True)  # every secret is known before the first line, so that none can appear in one
    with Connections(specs) as connections:
        stop = threading.Event()
        connections.remaining = lambda: 0.0 if stop.is_set() else math.inf
        yield Stores(specs, connections, stop)


def _declared(start: Path, path: Path | None) -> Specs:
    profile = os.environ.get(PROFILE)
    if path is None:
        begin_roots(start)
        beside = stores_around(start)
        if profile and profile not in beside.profiles:
            known = closest(profile, beside.profiles) or "no stores file declares one"
            raise JobError(f'there is no profile "{profile}"; {known}')
        return {**beside.connections, **(beside.profiles[profile] if profile else {})}
    if not job_file(path).is_file():
        raise click.UsageError(f"{path} is not there")
    job, beside = read_job(path), stores_around(job_file(path))
    whole = job.model_copy(update={"connections": {**beside.connections, **job.connections}})
    return with_profile(whole, beside, profile).connections


def of_stores(inner: Callable[..., int]) -> Callable[..., int]:
    """A command that gets the stores first; what fails in it is told, and ends in the exit code that fits."""

    @wraps(inner)
    def run(*, start: Path, job: Path | None, **options: Any) -> int:
        try:
            with opened(start, job) as stores:
                return inner(stores, **options)
        except StoreError as problem:
            click.echo(told(problem), err=True)
            return code_of(problem)
        except OSError as problem:  # of a store's it would be a StoreError
            return _unread(problem, changes=inner.__name__ in _CHANGE)

    folder = click.Path(path_type=Path, exists=True, file_okay=False)
    run = click.option("--project", "start", type=folder, default=Path(), help="A folder of the project.")(run)
    run = click.option("--job", type=click.Path(path_type=Path), help="Know the stores of this job too.")(run)
    return profile_option(run)


def _unread(problem: OSError, *, changes: bool) -> int:
    """Standard output takes no more: whoever reads may have enough, as ``head`` has, but then not all has been done."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(problem, BrokenPipeError):
        if changes:
            click.echo("stopped before all files were through: nobody reads what is told of them", err=True)
        return FAILED if changes else DONE
    click.echo(f"standard output cannot be written: {problem.strerror}", err=True)
    return ENVIRONMENT_WRONG


def told(problem: StoreError) -> str:
    """A failure for people: its code, what it is, and a way out; no secret."""
    return str(redact(f"{problem.code} {problem.message}" + (f"\n  {problem.hint}" if problem.hint else "")))


def code_of(problem: StoreError) -> int:
    """The exit code of a failure."""
    if isinstance(problem, _OF_WHAT_IS_THERE):
        return FAILED
    if isinstance(problem, _OF_THE_COMMAND):
        return JOB_WRONG
    return ENVIRONMENT_WRONG if isinstance(problem, _OF_THE_ENVIRONMENT) else FAILED
