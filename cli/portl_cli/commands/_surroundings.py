"""What a local run stands on: variables, embedded servers, the functions a job calls."""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portl.connections import (
    Boto3Invoker,
    Connections,
    FunctionInvoker,
    Target,
    failed,
    resolve,
    secret_variable,
    split_statements,
    use_invoker,
    variables,
)
from portl.errors import FunctionError, MissingVariable, SetupError
from portl.jobs import DATABASES, Job
from portl_cli.commands._project import SAMPLE_ROWS, SCHEMA, Project
from portl_cli.embedded import EmbeddedPostgres, Peer, start_peer, start_postgres
from portl_cli.engine import FunctionHost, InlineHost, Succeeded


@dataclass(slots=True)
class Surroundings:
    """What was started for a run."""

    host: FunctionHost
    served: dict[str, str] = field(default_factory=dict)
    peer: Peer | None = None


@contextmanager
def surroundings(project: Project, job: Job, job_folder: Path, run_folder: Path, *, demo: bool) -> Iterator[Surroundings]:
    """Checks the job's variables, serves those that are unset when ``demo``, and ends what it started.

    Raises:
        MissingVariable: V101, some are unset or empty.
    """
    host = InlineHost(project.template.functions)
    with ExitStack() as stack:
        found = Surroundings(host)
        if demo:
            _serve(project, job, run_folder, found, stack)
        _demand(job)
        _register_secrets(job)
        use_invoker(LocalInvoker(project, host, job_folder))
        stack.callback(use_invoker, None)
        yield found


def missing(job: Job) -> list[str]:
    """The environment variables that the job names and that are unset or empty."""
    specs = [*job.connections.values(), *(step.model_dump(by_alias=True) for step in job.steps)]
    names = {name if kind == "env" else secret_variable(name) for spec in specs for kind, name in variables(spec)}
    return sorted(name for name in names if not os.environ.get(name))


def _demand(job: Job) -> None:
    absent = missing(job)
    if absent:
        text = f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set, or empty"
        secret = any(name.startswith("PORTL_SECRET_") for name in absent)
        hint = "export it" if secret else "export it, or try the job with --demo"
        raise MissingVariable(text, code="V101", hint=hint)


def _register_secrets(job: Job) -> None:
    """Every secret is known before the first line is written, so that none can appear in one."""
    for spec in job.connections.values():
        resolve(spec)


def _serve(project: Project, job: Job, run_folder: Path, found: Surroundings, stack: ExitStack) -> None:
    absent = set(missing(job))
    for spec in job.connections.values():
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
            found.peer = stack.enter_context(start_peer(run_folder / "peer.jsonl"))
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
            for statement in split_statements(file.read_text("utf-8")):
                database.execute(statement)


class LocalInvoker:
    """Functions of this project run in this process, one at a time; an ARN is called on AWS, because it says so."""

    def __init__(self, project: Project, host: FunctionHost, job_folder: Path) -> None:
        self._project, self._host, self._job_folder = project, host, job_folder
        self._lock = threading.Lock()
        self._files: dict[str, Callable[[Any, Any], Any]] = {}
        self._aws: FunctionInvoker = Boto3Invoker()

    def invoke(self, target: Target, payload: str, *, event: bool) -> Any:
        """See FunctionInvoker."""
        if target.kind == "arn":
            return self._aws.invoke(target, payload, event=event)
        with self._lock:
            if target.kind == "file":
                return _called(target, self._file(target), json.loads(payload))
            answer = self._host.invoke(self._name(target), json.loads(payload))
        if isinstance(answer, Succeeded):
            return None if event else answer.payload
        raise failed(target, answer.error_type, answer.error_message)

    def _name(self, target: Target) -> str:
        try:
            return self._project.function(target.name).name
        except SetupError as problem:
            raise FunctionError(problem.message, code="L103", hint=problem.hint) from problem

    def _file(self, target: Target) -> Callable[[Any, Any], Any]:
        if target.name not in self._files:
            file, _, function = target.name.rpartition(":")
            path = self._job_folder / file
            spec = importlib.util.spec_from_file_location(f"portl_local_{path.stem}", path)
            if not path.is_file() or spec is None or spec.loader is None:
                raise FunctionError(f"{path} is not there", code="L103", hint="a path from the job's folder")
            module = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
                self._files[target.name] = getattr(module, function)
            except (Exception, SystemExit) as problem:
                text = f"{target.name} cannot be loaded: {type(problem).__name__}: {problem}"
                raise FunctionError(text, code="L103", hint="look into the file") from problem
        return self._files[target.name]


def _called(target: Target, function: Callable[[Any, Any], Any], payload: Any) -> Any:
    try:
        return function(payload, None)
    except (Exception, SystemExit) as problem:
        raise failed(target, type(problem).__name__, str(problem)) from problem
