"""What many tests stand on: one embedded PostgreSQL for the session, a fresh database and a peer for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pg8000.native import Connection

from portl.connections._postgres import parse_url
from portl_cli.embedded import EmbeddedPostgres, Peer, start_peer, start_postgres

ROOT = Path(__file__).resolve().parent.parent


def connect(url: str) -> Connection:
    """A connection of pg8000's own, so that what Portl wrote is read by another way."""
    target = parse_url(url)
    return Connection(target.user, host=target.host, port=target.port, database=target.database, password=target.password)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with start_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    name = f"t{secrets.token_hex(6)}"
    admin = connect(postgres_server.url)
    admin.run(f"CREATE DATABASE {name}")
    yield postgres_server.url.rsplit("/", 1)[0] + f"/{name}"
    admin.run(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


@pytest.fixture
def query(postgres_url: str) -> Iterator[Any]:
    connection = connect(postgres_url)
    yield lambda sql: [tuple(row) for row in connection.run(sql)]
    connection.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with start_peer(tmp_path / "peer.jsonl") as peer:
        yield peer
