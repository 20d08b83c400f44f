"""What many tests stand on: one embedded PostgreSQL for the session, a fresh database and a peer for each test."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pg8000.native import Connection

import node_tools
from portl.connections._postgres import parse_url
from portl_cli.embedded import EmbeddedPostgres, Peer, start_peer, start_postgres

# a machine that has other work to do makes examples slowly, and that is no fault of what they test
settings.register_profile("same", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("new", settings.get_profile("same"), derandomize=False, max_examples=300)
# a change is judged by the examples its parent was judged by; `make test-random` looks for new ones
settings.load_profile(os.environ.get("PORTL_EXAMPLES", "same"))
# whoever starts the tests in the background has interrupts ignored, and the processes under test would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
ENDS_AND_EMPTIES = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    """DO $$ DECLARE own text; BEGIN
         FOR own IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
           EXECUTE format('DROP SCHEMA %I CASCADE', own);
         END LOOP;
       END $$""",
    """DO $$ DECLARE own text; BEGIN
         FOR own IN SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> current_user LOOP
           EXECUTE format('DROP OWNED BY %1$I; DROP ROLE %1$I', own);
         END LOOP;
       END $$""",
    "CREATE SCHEMA public AUTHORIZATION pg_database_owner",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
)
"""What ends a database's connections and leaves it as a new one is, with no role but its owner's."""


def connect(url: str) -> Connection:
    """A connection of pg8000's own, so that what Portl wrote is read by another way."""
    target = parse_url(url)
    told = {"port": target.port, "database": target.database, "password": target.password}
    return Connection(target.user, host=target.host, ssl_context=False, **told)  # a context takes longer than all the rest


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with start_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server
    base = server.log.parent  # as root it is not in pytest's folder, and nobody else would remove it
    with (base / "supervisor.lock").open("rb") as ended:
        fcntl.flock(ended, fcntl.LOCK_EX)
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def session_database(postgres_server: EmbeddedPostgres) -> str:
    """The url of a database of this session's own. To make one takes a hundred times as long as to empty it."""
    name = f"t{secrets.token_hex(6)}"
    with connect(postgres_server.url) as admin:
        admin.run(f"CREATE DATABASE {name}")
    return postgres_server.url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def postgres_url(session_database: str) -> Iterator[str]:
    """The url of a database with nothing in it."""
    yield session_database
    with connect(session_database) as admin:
        for statement in ENDS_AND_EMPTIES:
            admin.run(statement)


@pytest.fixture
def query(postgres_url: str) -> Iterator[Any]:
    connection = connect(postgres_url)
    yield lambda sql: [tuple(row) for row in connection.run(sql) or []]
    connection.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with start_peer(tmp_path / "peer.jsonl") as peer:
        yield peer


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The tools of tests/node; skips where they cannot be installed."""
    return node_tools.node_modules()
