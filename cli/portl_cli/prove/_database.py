"""A database of a proof: made once, put back before each run, read after it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from portl.connections import Connections
from portl.errors import RunError
from portl.runs import OUTBOX

GONE_WITHIN_S = 30.0
"""How long the server may take to notice that a killed worker's connection is closed."""

_TABLES = f"""SELECT c.oid::regclass::text, coalesce((
  SELECT jsonb_agg(a.attname ORDER BY array_position(i.indkey::int[], a.attnum::int)) FROM pg_index i
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
  WHERE i.indrelid = c.oid AND i.indisprimary), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND (c.relname !~ '^portl_' OR c.relname = '{OUTBOX}') ORDER BY 1"""  # noqa: S608 - a name of our own
_OPEN = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"""
_OWNED = """SELECT quote_ident(n.nspname) || '.' || quote_ident(s.relname), d.refobjid::regclass::text, quote_ident(a.attname)
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE s.relkind = 'S'"""


@dataclass(frozen=True, slots=True)
class Table:
    """What a table holds: the columns of its primary key, and its rows as JSON."""

    key: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]


class ProofDatabase:
    """A database of its own on a server, which goes with it; ``url`` is good for the whole proof."""

    def __init__(self, server: str) -> None:
        self._name = f"prove_{secrets.token_hex(6)}"
        self.url = server.rsplit("/", 1)[0] + f"/{self._name}"
        self._admin = Connections({"admin": {"type": "postgres", "url": server}})
        self._own = Connections({"own": {"type": "postgres", "url": self.url}})
        self._run(f"CREATE DATABASE {self._name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._own.close()
        for name in (self._name, f"{self._name}_base"):
            self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._admin.close()

    def keep_as_base(self) -> None:
        """What it holds now is what every run begins with."""
        self._own.close()
        self._run(f"CREATE DATABASE {self._name}_base TEMPLATE {self._name}")

    def reset(self) -> None:
        """Back to what every run begins with; who is connected is cut off."""
        self._own.close()
        self._run(f"DROP DATABASE {self._name} WITH (FORCE)")
        self._run(f"CREATE DATABASE {self._name} TEMPLATE {self._name}_base STRATEGY FILE_COPY")

    def tables(self) -> dict[str, Table]:
        """Every user table, and of Portl's own the outbox, whose messages are effects of the job."""
        own = self._own.get("own")
        found = {}
        for name, key in own.execute(_TABLES).rows:
            rows = own.execute(f"SELECT to_jsonb(t) FROM {name} t").rows  # noqa: S608 - quoted by the server
            found[name] = Table(tuple(key), tuple(row[0] for row in rows))
        return found

    def settle(self, sequences: Iterable[tuple[str, int | None, int]] | None) -> None:
        """Waits until nothing is open any more, and takes back what a rolled back transaction drew from its sequences.

        ``sequences`` are those the transaction began with (name, last value, start); None: there was none, or it committed.

        Raises:
            RunError: R163, a transaction stays open.
        """
        own = self._own.get("own")
        ends = time.monotonic() + GONE_WITHIN_S
        while own.execute(_OPEN).rows[0][0]:
            if time.monotonic() > ends:
                text = "a transaction stays open although the worker that began it was killed"
                hint = "does a function of the job keep one open? close it before it answers"
                raise RunError(text, code="R163", hint=hint)
            time.sleep(0.002)
        for name, last, start in sequences or ():
            self._set(name, last, start)

    def _set(self, name: str, last: int | None, start: int) -> None:
        """To where it stood, or behind the greatest number that was kept meanwhile."""
        own = self._own.get("own")
        kept = [
            own.execute(f"SELECT max({column}) FROM {table}").rows[0][0]  # noqa: S608 - quoted by the server
            for sequence, table, column in own.execute(_OWNED).rows
            if sequence == name
        ]
        greatest = max([last, *kept], key=lambda each: each if isinstance(each, int) else start - 1)
        values = (name, start if greatest is None else greatest, greatest is not None)
        own.execute("SELECT setval($1::regclass, $2::bigint, $3::bool)", values)

    def _run(self, statement: str) -> None:
        self._admin.get("admin").execute(statement)
