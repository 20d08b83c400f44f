"""The tables of a job for a plan that has no database at hand."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portl.connections import Connections, variables
from portl.jobs import DATABASES, Job
from portl_cli.commands._project import SCHEMA, Project
from portl_cli.commands._surroundings import apply_schema, missing
from portl_cli.embedded import start_postgres


@contextmanager
def scratch_databases(project: Project, job: Job, job_folder: Path, *, wanted: bool) -> Iterator[None]:
    """For every database whose variable is unset, when ``wanted``: the embedded server stands in.

    The job's schema.sql is applied to a database of its own, which goes with the plan; without one the server's is looked at.
    """
    with ExitStack() as stack:
        for name in sorted(_unset(job)) if wanted else ():
            server = stack.enter_context(start_postgres(project.root))
            os.environ[name] = server.url
            stack.callback(os.environ.pop, name)
            if (job_folder / SCHEMA).is_file():
                stack.enter_context(_scratch(server.url, name))
                apply_schema(job, job_folder)
        yield


def _unset(job: Job) -> set[str]:
    specs = [spec for spec in job.connections.values() if spec.get("type") in DATABASES]
    return {name for spec in specs for kind, name in variables(spec) if kind == "env"} & set(missing(job))


@contextmanager
def _scratch(url: str, variable: str) -> Iterator[None]:
    """A new database that the variable leads to."""
    name = f"plan_{secrets.token_hex(6)}"
    with Connections({"admin": {"type": "postgres", "url": url}}) as connections:
        admin = connections.get("admin")
        admin.execute(f"CREATE DATABASE {name}")
        os.environ[variable] = url.rsplit("/", 1)[0] + f"/{name}"
        try:
            yield
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
