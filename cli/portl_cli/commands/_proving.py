"""The surroundings of a proof: a database, peer or folder of its own for every connection, whatever the environment names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from portl.connections import parse_target, resolve, secret_variable, variables
from portl.errors import SetupError
from portl.jobs import DATABASES, Job, is_store, walk_steps
from portl.runs import keep_specs
from portl.stores import open_store, prefix_of
from portl_cli.commands._functions import job_hook, job_specs
from portl_cli.commands._hosts import keeper, modules
from portl_cli.commands._project import SAMPLE_FILES, SCHEMA, Project
from portl_cli.commands._surroundings import apply_sample_rows, apply_schema, missing
from portl_cli.compile import compile_job
from portl_cli.embedded import start_peer, start_postgres
from portl_cli.engine import Hook, WorkerHost, load_machine
from portl_cli.prove import ARMED, Heard, ProofDatabase, ProofFolder, Stage

MADE_UP = "made-up"
"""What every other variable and secret of the job holds during a proof."""
_MARK = re.compile(r"\$\{env:([^}]*)\}")
_WORKER = "portl_cli.prove._worker"


@contextmanager
def proof_stage(project: Project, job: Job, job_folder: Path, params: Mapping[str, Any]) -> Iterator[Stage]:
    """Starts what the job needs and answers where it can be run; all of it goes in the end.

    Raises:
        SetupError: V110, V111, V112, V12x; V140, a connection calls a function on AWS; V143, a step names a bucket itself.
        MissingVariable: V101, a variable that names a function is not set.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="portl-prove-")))
        databases = _databases(project, job, stack)
        peer = None
        if any(spec["type"] == "http" for spec in job.connections.values()):
            peer = stack.enter_context(start_peer(folder / "peer.jsonl"))
        stores = {
            name: ProofFolder(folder / "stores" / name, job_folder / SAMPLE_FILES / name)
            for name, spec in job.connections.items()
            if is_store(spec)
        }
        places = {name: {"type": "local", "root": str(store.root)} for name, store in stores.items()}
        connections = {name: places.get(name) or _own(name, spec) for name, spec in job.connections.items()}
        own = job.model_copy(update={"connections": connections})
        _demand_local(own)
        urls = {name: database.url for name, database in databases.items()}
        told = {f"{prefix_of(name)}{field.upper()}": value for name, place in places.items() for field, value in place.items()}
        stack.enter_context(_environment({**_variables(job, own, urls, peer.url if peer else "", folder), **told}))
        if databases and (job_folder / SCHEMA).is_file():
            apply_schema(own, job_folder)
            apply_sample_rows(own, job_folder)
        for database in set(databases.values()):
            database.keep_as_base()
        found = compile_job(own, project.timeout_s)
        keep_specs(open_store(os.environ["PORTL_RUNS"]), found.specs)
        substitutions = {f"{name}Arn": name for name in project.template.functions}
        machine = load_machine(found.definition, substitutions=substitutions, name=job.job)
        heard = Heard()
        host = stack.enter_context(_host(project, own, job_folder, folder, heard))
        yield Stage(machine, params, host, heard, databases, peer, folder, _called(project, own), stores)


def _host(project: Project, job: Job, job_folder: Path, folder: Path, heard: Heard) -> WorkerHost:
    """Workers one after another, for only so a run goes the same way each time."""
    hooks = [job_hook(project, job, job_folder), Hook(f"{_WORKER}:install", {"armed": str(folder / ARMED)})]
    return WorkerHost(
        project.template.functions,
        slots=1,
        modules=[*modules(job), _WORKER],
        hooks=hooks,
        on_message=heard.message,
        on_output=keeper(folder / "output.log"),
    )


def _called(project: Project, job: Job) -> list[str]:
    """The functions of the project that the job calls."""
    folders = {resolve(spec["function"]) for spec in job.connections.values() if spec["type"] == "lambda"}
    return [name for name, function in project.template.functions.items() if function.code_dir.name in folders]


def _databases(project: Project, job: Job, stack: ExitStack) -> dict[str, ProofDatabase]:
    """A database for each connection, on the embedded server; connections with one url share theirs."""
    by_url: dict[str, ProofDatabase] = {}
    found = {}
    for name, spec in job.connections.items():
        if spec["type"] not in DATABASES:
            continue
        if not by_url:
            server = stack.enter_context(start_postgres(project.root))
        if spec["url"] not in by_url:
            by_url[spec["url"]] = stack.enter_context(ProofDatabase(server.url))
        found[name] = by_url[spec["url"]]
    return found


def _own(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The connection, leading to what the proof has started."""
    if spec["type"] in DATABASES:
        return {"type": spec["type"], "url": f"${{env:{_variable(name)}}}"}
    if spec["type"] == "http":
        return {**spec, "base_url": f"${{env:{_variable(name)}}}"}
    return dict(spec)


def _variable(name: str) -> str:
    return f"PORTL_PROVE_{name.upper()}"


def _demand_local(job: Job) -> None:
    for name, spec in job.connections.items():
        if spec["type"] == "lambda" and parse_target(resolve(spec["function"])).kind == "arn":
            hint = "let it name a folder of functions/, or file.py:function, for the proof: the name may be an ${env:…}"
            raise SetupError(f"{name} calls a function on AWS, and a proof stays here", code="V140", hint=hint)
    for step in walk_steps(job.steps):
        for address in step.addresses():
            if address.startswith("s3://"):
                hint = "declare the bucket under connections and write name:path: a proof puts a folder in its place"
                raise SetupError(f"{step.id} touches {address}, and a proof stays here", code="V143", hint=hint)


def _variables(job: Job, own: Job, databases: Mapping[str, str], peer: str, folder: Path) -> dict[str, str]:
    """The environment of the proof. Functions that read a connection's variable themselves are led to the same place."""
    urls = {**databases, **{name: peer for name, spec in job.connections.items() if spec["type"] == "http"}}
    functions = {each for spec in own.connections.values() if spec["type"] == "lambda" for each in variables(spec)}
    named = {each for spec in (*job_specs(job), *job_specs(own)) for each in variables(spec)} - functions
    found = {name if kind == "env" else secret_variable(name): MADE_UP for kind, name in named}
    for name, url in urls.items():
        spec = job.connections[name]
        mark = _MARK.fullmatch(str(spec.get("url") or spec.get("base_url")))
        found |= {_variable(name): url, **({mark[1]: url} if mark else {})}
    runs = {"PORTL_RUNS": str(folder / "runs"), "PORTL_LOG": str(folder / "log.jsonl"), "PORTL_INTENTS": ""}
    return {**found, **runs, "PORTL_TIME_SCALE": "0.001"}


def not_used(job: Job) -> list[str]:
    """The variables of the job's connections that are set and that a proof does not read."""
    specs = [spec for spec in job.connections.values() if spec["type"] != "lambda"]
    names = {name if kind == "env" else secret_variable(name) for spec in specs for kind, name in variables(spec)}
    return sorted(names - set(missing(job)))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
