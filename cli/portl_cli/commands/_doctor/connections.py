"""The connections of jobs: one cheap call each, that changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any

from portl.connections import Connections, HttpSpec, outgoing, parse_target
from portl.errors import DatabaseError, PermissionDenied, SetupError, StoreError
from portl.jobs import DATABASES, Job, connection_name, is_store, walk_steps
from portl.stores import NO_RETRY, open_store
from portl_cli.commands._doctor.found import Found, Kind, failed
from portl_cli.commands._doctor.machine import clock
from portl_cli.commands._project import Project

LONGEST_S = 10.0
"""A call that takes longer has failed."""
RIGHTS = """SELECT to_regclass($1) IS NOT NULL AS there,
CASE WHEN to_regclass($1) IS NOT NULL THEN has_table_privilege(to_regclass($1), $2) END AS may"""
UNAUTHORIZED, FORBIDDEN, BROKEN = 401, 403, 500
_SIGNED_OFF = ("AuthenticationException", "UnauthenticatedError", "InvalidAccessKeyId", "SignatureDoesNotMatch")


def look_at(project: Project, job: Job, folder: Path, name: str) -> Iterator[Found]:
    """What can be said of one connection of a job, whose variables are all set."""
    spec = job.connections[name]
    kind = str(spec["type"])
    what = f"{name} ({kind})"
    with Connections(job.connections) as connections:
        try:
            if kind in DATABASES:
                yield from _database(connections, job, name, what)
            elif kind == "http":
                yield from _api(connections.spec(name), what)
            elif kind == "lambda":
                yield _function(project, folder, str(spec["function"]), what)
            elif is_store(spec):
                yield _store(connections, name, what)
        except SetupError as problem:
            yield failed(what, "configuration", problem)


def _database(connections: Connections, job: Job, name: str, what: str) -> Iterator[Found]:
    try:
        database = connections.get(name)
        before = time.time()
        (moment,) = database.execute("SELECT clock_timestamp()").rows[0]
        yield Found(what, "ok", "connected")
        yield from _clock(f"the database {name}", moment, (before + time.time()) / 2)
        for table, right in _written(job, name):
            yield from _table(database, what, table, right)
    except DatabaseError as problem:
        yield failed(what, _kind_of_database(problem), problem)


def _kind_of_database(problem: DatabaseError) -> Kind:
    state = str(problem.detail.get("sqlstate", ""))
    if state.startswith("28"):
        return "authentication"
    if problem.code == "D107":
        return "permission" if state == "42501" else "authentication"
    return (
        "network"
        if problem.outcome == "Transient" or (problem.code == "D101" and problem.__cause__ is not None and not state)
        else "configuration"
    )


def _written(job: Job, name: str) -> list[tuple[str, str]]:
    """The tables that the job's steps write over a connection, each with a right that it takes."""
    rights = {"db.insert": ("INSERT",), "db.update": ("UPDATE",), "db.upsert": ("INSERT", "UPDATE")}
    found = {
        (table, right)
        for step in walk_steps(job.steps)
        if step.type in rights and connection_name(job, step) == name
        for table in step.writes()
        for right in rights[step.type]
    }
    return sorted(found)


def _table(database: Any, what: str, table: str, right: str) -> Iterator[Found]:
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
    there, may = database.execute(RIGHTS, (quoted, right)).rows[0]
    if not there:
        yield Found(what, "warn", f"there is no table {table}", "make it, or run the job with --init-db")
    elif not may:
        yield Found(what, "fail", f"the user may not {right} in {table}", f"GRANT {right} ON {table} TO the user", "permission")


def _clock(whose: str, theirs: datetime, mine: float) -> Iterator[Found]:
    moment = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    said = clock(whose, mine - moment.timestamp())
    if said is not None:
        yield said


def _api(spec: HttpSpec, what: str) -> Iterator[Found]:
    """A HEAD of the base: whatever is answered, it is there; but who asks may not be known, or not be allowed."""
    import httpx

    request = outgoing(spec, "HEAD", "/")
    began = time.time()
    try:
        seconds = min(LONGEST_S, spec.timeout_s)
        answer = httpx.head(str(request.url), headers=request.headers, timeout=seconds, follow_redirects=False)
    except httpx.TransportError as problem:
        said = f"{request.url} cannot be reached: {' '.join(str(problem).split()) or type(problem).__name__}"
        mend = (
            "let the certificate's authority be known"
            if "certificate" in said.lower()
            else "is it running, and is the address right?"
        )
        yield Found(what, "fail", said, mend, "network")
        return
    except (httpx.InvalidURL, ValueError) as problem:
        yield Found(what, "fail", f"{type(problem).__name__}: its base_url is no address", "correct base_url", "configuration")
        return
    yield _answered(what, answer.status_code)
    if "date" in answer.headers:
        try:
            theirs = parsedate_to_datetime(answer.headers["date"])
        except ValueError:
            return
        yield from _clock(what, theirs, (began + time.time()) / 2)


def _answered(what: str, status: int) -> Found:
    said = f"answers ({status} to HEAD)"
    if status == UNAUTHORIZED:
        return Found(what, "fail", said, "correct the token or the password in headers", "authentication")
    if status == FORBIDDEN:
        return Found(what, "fail", said, "let the API's owner allow it", "permission")
    if status >= BROKEN:
        return Found(what, "warn", said, "it may be down: try again, or ask its owner")
    return Found(what, "ok", said)


def _function(project: Project, folder: Path, function: str, what: str) -> Found:
    target = parse_target(function)
    if target.kind == "arn":
        return Found(what, "ok", "an ARN is called on AWS, and was not looked at")
    if target.kind == "file":
        path = folder / target.name.rpartition(":")[0]
        return Found(what, "ok", f"{path.name} is there") if path.is_file() else _absent(what, str(path))
    try:
        code = project.function(target.name).code_dir
    except SetupError as problem:
        return failed(what, "configuration", problem)
    return Found(what, "ok", f"functions/{target.name} is there") if code.is_dir() else _absent(what, str(code))


def _absent(what: str, path: str) -> Found:
    return Found(what, "fail", f"{path} is not there", "put the function there, or correct function", "configuration")


def _store(connections: Connections, name: str, what: str) -> Found:
    try:
        with open_store(connections.spec(name), retry=NO_RETRY) as store:
            for _ in islice(store.list("", recursive=False), 1):
                pass
            return Found(what, "ok", f"{store.name} can be listed")
    except StoreError as problem:
        return failed(what, _kind_of_store(problem), problem)


def _kind_of_store(problem: StoreError) -> Kind:
    causes = _causes(problem)
    if any(mark in f"{type(each).__name__} {each}" for each in causes for mark in _SIGNED_OFF):
        return "authentication"
    if isinstance(problem, PermissionDenied):
        return "permission"
    return "network" if problem.outcome in ("Transient", "Throttled") else "configuration"


def _causes(problem: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    each: BaseException | None = problem
    while each is not None and each not in found:
        found.append(each)
        each = each.__cause__ or each.__context__
    return found
