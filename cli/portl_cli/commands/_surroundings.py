"""What a local run stands on: variables, embedded servers, the functions a job calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portl.connections import (
    SECRETS_BEGIN,
    Connections,
    resolve,
    secret_variable,
    split_statements,
    use_invoker,
    variables,
)
from portl.errors import DatabaseError, MissingVariable, SetupError
from portl.jobs import DATABASES, Job, is_store, used_databases
from portl.runs import use_progress
from portl_cli.commands._demo_stores import demo_stores
from portl_cli.commands._functions import job_specs, needed_specs
from portl_cli.commands._hosts import Host, HostName, start_host
from portl_cli.commands._project import SAMPLE_ROWS, SCHEMA, Project
from portl_cli.embedded import EmbeddedPostgres, Peer, start_peer, start_postgres
from portl_cli.engine import AWS_LIMITS, Limits


@dataclass(slots=True)
class Surroundings:
    """What was started for a run."""

    host: Host
    served: dict[str, str] = field(default_factory=dict)
    peer: Peer | None = None


@contextmanager
def surroundings(
    project: Project,
    job: Job,
    job_folder: Path,
    run_folder: Path,
    *,
    demo: bool,
    host: HostName = "workers",
    limits: Limits = AWS_LIMITS,
    on_message: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[Surroundings]:
    """Checks the job's variables, serves those that are unset when ``demo``, and ends what it started.

    Raises:
        MissingVariable: V101, some are unset or empty.
    """
    started = start_host(host, project, job, job_folder, run_folder, limits=limits, on_message=on_message)
    with closing(started), ExitStack() as stack:
        found = Surroundings(started)
        if demo:
            _serve(project, job, job_folder, run_folder, found, stack)
        _demand(job)
        register_secrets(job, leave_missing=True)
        _reach_databases(job)
        stack.callback(use_invoker, None)
        stack.callback(use_progress, None)
        stack.callback(started.close)  # before the servers end: what is open there rolls back while they can hear it
        yield found


def missing(job: Job) -> list[str]:
    """The environment variables that the job names and that are unset or empty."""
    names = {name if kind == "env" else secret_variable(name) for spec in needed_specs(job) for kind, name in variables(spec)}
    return sorted(name for name in names if not os.environ.get(name))


def _demand(job: Job) -> None:
    absent = missing(job)
    if absent:
        text = f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set, or empty"
        secret = any(name.startswith("PORTL_SECRET_") for name in absent)
        hint = "export it" if secret else "export it, or try the job with --demo"
        raise MissingVariable(text, code="V101", hint=hint)


def _reach_databases(job: Job) -> None:
    """A database that cannot be reached is told before the first function is called."""
    with Connections(job.connections) as connections:
        for name in used_databases(job):
            connections.get(name)


def register_secrets(job: Job, *, leave_missing: bool = False) -> None:
    """Every secret is known before the first line is written, so that none can appear in one."""
    for spec in job_specs(job):
        resolve(spec, leave_missing=leave_missing)


def _serve(project: Project, job: Job, job_folder: Path, run_folder: Path, found: Surroundings, stack: ExitStack) -> None:
    stack.enter_context(demo_stores(project, job, job_folder, make=True))
    absent = set(missing(job))
    for spec in job.connections.values():
        if is_store(spec):
            continue
        for name in sorted({name for kind, name in variables(spec) if kind == "env"} & absent):
            value = _server(str(spec["type"]), project, run_folder, found, stack)
            if value:
                os.environ[name] = value
                stack.callback(os.environ.pop, name, None)
                found.served[name] = str(spec["type"])


def _server(kind: str, project: Project, run_folder: Path, found: Surroundings, stack: ExitStack) -> str:
    if kind in DATABASES:
        server: EmbeddedPostgres = stack.enter_context(start_postgres(project.root))
        return server.url
    if kind == "http":
        if found.peer is None:
            hidden = [value for name, value in os.environ.items() if name.startswith(SECRETS_BEGIN)]
            found.peer = stack.enter_context(start_peer(run_folder / "peer.jsonl", hidden))
        return found.peer.url
    return ""


def apply_schema(job: Job, job_folder: Path) -> Path:
    """Runs the job's ``schema.sql`` on its database, whole or not at all.

    Raises:
        SetupError: V123, there is no such file, or no one database to apply it to.
    """
    file = job_folder / SCHEMA
    names = [name for name, spec in job.connections.items() if spec.get("type") in DATABASES]
    name = job.transaction.connection if job.transaction else (names[0] if len(names) == 1 else None)
    if not file.is_file() or name is None:
        what = f"{file} is not there" if name else "the job has no one database"
        raise SetupError(f"--init-db: {what}", code="V123", hint=f"put the tables into {SCHEMA} beside the job")
    _apply(job, name, file)
    return file


def apply_sample_rows(job: Job, job_folder: Path) -> Path | None:
    """Runs ``demo.sql`` where there is one: rows for an embedded database, never for one of the user's."""
    file = job_folder / SAMPLE_ROWS
    names = [name for name, spec in job.connections.items() if spec.get("type") in DATABASES]
    if not file.is_file() or len(names) != 1:
        return None
    _apply(job, names[0], file)
    return file


def _apply(job: Job, name: str, file: Path) -> None:
    with Connections(job.connections) as connections:
        database = connections.get(name)
        with database.transaction():
            text, at = _script(file), 0
            for statement in split_statements(text):
                at = text.index(statement, at)
                try:
                    database.execute(statement)
                except DatabaseError as problem:
                    line = text.count("\n", 0, at) + 1
                    raise SetupError(f"{file}:{line}: {problem.message}", code=problem.code, hint=problem.hint) from problem


def _script(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SetupError(f"{file} is not UTF-8", code="V124", hint="save it as UTF-8") from problem
