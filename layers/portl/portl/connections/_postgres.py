"""PostgreSQL by pg8000, on a socket of our own.

pg8000 does not set TCP_NODELAY, and its default TLS neither verifies nor insists: both are decided here.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.exceptions
from pg8000.converters import make_param, make_params
from pg8000.core import IN_TRANSACTION, CoreConnection

from portl.connections._copy import copy_blocks
from portl.connections._models import PostgresSpec, SslMode
from portl.connections._postgres_errors import connection_lost, database_error
from portl.connections._rds import LOGIN, password_of_iam
from portl.errors import DatabaseError

PREPARED = 64
"""Statements kept prepared on a connection; the least recently used one goes."""

_TABLE = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)::text, a.attnotnull,
       a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '',
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
       (SELECT CASE WHEN q.seqcycle THEN 0 ELSE sign(q.seqincrement) END FROM pg_sequence q WHERE a.attidentity <> ''
        AND q.seqrelid = pg_get_serial_sequence(a.attrelid::regclass::text, a.attname::text)::regclass)::int
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave: column names, rows, and how many rows it touched."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    row_count: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. ``filled`` says that the database gives it a value when the statement does not.

    ``default`` is the expression that does, ``increment`` how an identity counts (0: it begins anew at its end).
    """

    name: str
    type: str
    not_null: bool
    filled: bool
    default: str | None = None
    increment: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a connection URL leads."""

    host: str
    port: int
    user: str
    password: str | None
    database: str
    options: dict[str, str]

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        return self.host in ("localhost", "127.0.0.1", "::1") or self.host.startswith("/")


def parse_url(url: str) -> Target:
    """Reads ``postgresql://user:password@host:port/database?option=value``.

    Raises:
        DatabaseError: D101, it is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("postgres", "postgresql") or not port:
        hint = "postgresql://user:password@host:5432/database"
        raise DatabaseError("the connection's url is no PostgreSQL address", code="D101", hint=hint)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = unquote(parts.hostname or options.pop("host", "localhost"))
    user = unquote(parts.username or "postgres")
    password = unquote(parts.password) if parts.password else None
    return Target(host, port, user, password, unquote(parts.path.lstrip("/")) or user, options)


def tls(spec: PostgresSpec, target: Target) -> ssl.SSLContext | bool | None:
    """What pg8000 takes: a context to insist on TLS, False for none, None to prefer it without checking."""
    mode = spec.sslmode or target.options.get("sslmode") or ("disable" if target.loopback else "verify-full")
    if mode not in get_args(SslMode):
        hint = f"one of {', '.join(get_args(SslMode))}"
        raise DatabaseError(f"sslmode {mode!r} is none that libpq knows", code="D101", hint=hint)
    if mode == "disable" or target.host.startswith("/"):
        return False
    if mode in ("allow", "prefer"):
        return None
    context = ssl.create_default_context(cafile=spec.sslrootcert or target.options.get("sslrootcert"))
    if mode in ("require", "verify-ca"):
        context.check_hostname = False
    if mode == "require" and not (spec.sslrootcert or target.options.get("sslrootcert")):
        context.verify_mode = ssl.CERT_NONE
    return context


def _password(target: Target) -> str | None:
    if target.options.get("login") == LOGIN:
        return password_of_iam(target.host, target.port, target.user)
    return target.password


class PostgresConnection:
    """One connection. Outside ``transaction`` every statement commits by itself."""

    def __init__(self, name: str, spec: PostgresSpec) -> None:
        self.name = name
        self._spec = spec
        self._target = parse_url(spec.url)
        self._raw = self._connect()
        self._prepared: OrderedDict[str, tuple[Any, Any, Any]] = OrderedDict()
        self._tables: dict[str, dict[str, Column]] = {}

    def execute(self, sql: str, params: Sequence[Any] = (), *, columns: Sequence[str | None] = ()) -> Rows:
        """Runs one statement with ``$1`` … bound as text, which PostgreSQL casts to what stands there.

        Raises:
            DatabaseError: D102 to D199; ``columns`` lets it name the column of a value that was refused.
        """
        try:
            name, shape, readers = self._prepare(sql)
            values = make_params(self._raw.py_types, [_bound(value) for value in params])
            context = self._raw.execute_named(name, values, shape, readers, sql)
        except pg8000.exceptions.DatabaseError as problem:
            raise database_error(problem, sql, params, columns) from problem
        except (pg8000.exceptions.InterfaceError, OSError, EOFError) as problem:
            self._drop()
            raise connection_lost(problem, sql) from problem
        found = tuple(column["name"] for column in context.columns or ())
        return Rows(found, list(context.rows or ()), context.row_count)

    def copy(self, sql: str, records: Iterable[Sequence[Any]]) -> None:
        """Runs ``COPY … FROM STDIN`` with the records, each value as ``execute`` would bind it.

        Raises:
            DatabaseError: as ``execute``; ``detail["copy_line"]`` counts the records from 1 to the one that was refused.
        """
        blocks = copy_blocks(records, lambda value: make_param(self._raw.py_types, _bound(value)))
        try:
            self._raw.execute_unnamed(sql, stream=blocks)
        except pg8000.exceptions.DatabaseError as problem:
            raise database_error(problem, sql, (), ()) from problem
        except (pg8000.exceptions.InterfaceError, OSError, EOFError) as problem:
            self._drop()
            raise connection_lost(problem, sql) from problem
        except BaseException:
            self._drop()
            raise

    def reader(self, table: str, column: str) -> Callable[[str], Any]:
        """What makes of a column's text the value that ``execute`` would answer."""
        from portl.connections._sql_text import quote_identifier

        _, _, readers = self._prepare(f"SELECT {quote_identifier(column)} FROM {quote_identifier(table)}")  # noqa: S608 - quoted
        found: Callable[[str], Any] = readers[0]
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """READ COMMITTED; commits at the end, rolls back on any exception."""
        self.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            yield
        except KeyboardInterrupt:
            self._drop()
            raise
        except BaseException:
            self._rollback()
            raise
        if self._raw._transaction_status != IN_TRANSACTION:  # noqa: SLF001 - only the server's last word tells
            text = "the transaction was ended by a statement inside it: what was written before that is committed"
            raise DatabaseError(text, code="D111", hint="leave COMMIT and ROLLBACK out of what the job calls")
        self.execute("COMMIT")

    def limit(self, *, statement_s: float, idle_s: float | None) -> None:
        """Bounds the open transaction: how long a statement may take, and how long the server waits for the next one.

        ``idle_s`` None is what the connection says. A writer that was frozen or cut off holds its locks no longer than that.
        """
        idle = self._spec.idle_in_transaction_session_timeout_s if idle_s is None else idle_s
        limits = {"statement_timeout": statement_s, "idle_in_transaction_session_timeout": idle}
        for name, seconds in limits.items():
            self.execute("SELECT set_config($1, $2, true)", (name, str(max(1, int(seconds * 1000)))))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: any error takes back what was done within, and comes through; the transaction goes on.

        https://www.postgresql.org/docs/current/sql-savepoint.html
        """
        self.execute("SAVEPOINT portl_record")
        try:
            yield
        except Exception:
            self.execute("ROLLBACK TO SAVEPOINT portl_record")
            raise
        self.execute("RELEASE SAVEPOINT portl_record")

    def table(self, name: str) -> dict[str, Column]:
        """A table's columns by name, read once.

        Raises:
            DatabaseError: D105, there is no such table.
        """
        if name not in self._tables:
            from portl.connections._sql_text import quote_identifier

            found = self.execute(_TABLE, (quote_identifier(name),)).rows
            if not found:
                hint = "create it first; `portl run --init-db` applies the job's schema.sql"
                raise DatabaseError(f"there is no table {name}", code="D105", hint=hint, detail={"table": name})
            self._tables[name] = {row[0]: Column(*row) for row in found}
        return self._tables[name]

    def close(self) -> None:
        """Ends the connection; an open transaction rolls back."""
        wire: socket.socket | None = self._raw._usock  # noqa: SLF001 - pg8000 leaves it half closed when it was lost
        with suppress(pg8000.exceptions.InterfaceError, OSError, AttributeError, ValueError):
            self._raw.close()
        if wire is not None:
            _abandon(wire)

    def _drop(self) -> None:
        """Cuts the connection where an answer may be half read: the server rolls back what is open."""
        wire: socket.socket | None = self._raw._usock  # noqa: SLF001 - pg8000 has no other way to cut it
        if wire is not None:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def _rollback(self) -> None:
        try:
            self.execute("ROLLBACK")
        except DatabaseError:
            return

    def _prepare(self, sql: str) -> tuple[Any, Any, Any]:
        if sql in self._prepared:
            self._prepared.move_to_end(sql)
            return self._prepared[sql]
        if len(self._prepared) >= PREPARED:
            self._raw.close_prepared_statement(self._prepared.popitem(last=False)[1][0])
        self._prepared[sql] = self._raw.prepare_statement(sql, ())
        return self._prepared[sql]

    def _connect(self) -> Any:
        target = self._target
        where = f"{target.host}:{target.port}"
        try:
            sock = self._socket()
        except OSError as problem:
            hint = "is the server running, and the address right?"
            text = f"{self.name}: {where} cannot be reached: {problem}"
            raise DatabaseError(text, code="D101", outcome="Transient", hint=hint, detail={"server": where}) from problem
        try:
            raw = CoreConnection(
                target.user,
                host=target.host,
                database=target.database,
                password=_password(target),
                ssl_context=tls(self._spec, target),
                application_name=target.options.get("application_name", "portl"),
                sock=sock,
            )
            raw._usock.settimeout(None)  # noqa: SLF001 - the time limit was for connecting; a statement has its own
            return raw  # noqa: TRY300 - what is refused is handled below
        except pg8000.exceptions.DatabaseError as problem:
            _abandon(sock)
            raise database_error(problem, "", (), ()) from problem
        except (pg8000.exceptions.InterfaceError, OSError, UnicodeDecodeError) as problem:
            _abandon(sock)
            hint = "off loopback the server's certificate must be right: see sslmode"
            raise DatabaseError(f"{self.name}: {where}: {problem}", code="D101", hint=hint) from problem

    def _socket(self) -> socket.socket:
        target = self._target
        if target.host.startswith("/"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(f"{target.host}/.s.PGSQL.{target.port}")
            return sock
        sock = socket.create_connection((target.host, target.port), self._spec.connect_timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock


def _bound(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _abandon(sock: socket.socket) -> None:
    """Closes a socket that pg8000 still reads through a file of its own: closing it alone would wait for that file."""
    with suppress(OSError):
        os.close(sock.detach())
