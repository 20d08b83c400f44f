"""What a plan may know of a database: the columns of its tables, over a connection that can only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from portl.connections import Connections, resolve
from portl.errors import MissingVariable
from portl.jobs import DATABASES, Job, is_store, used_databases
from portl.stores import File, overridden


class AnyColumns(dict[str, Any]):
    """The columns of a table that nobody looked at: whatever the job names."""

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        return SimpleNamespace(name=name, type="", not_null=False, filled=True, default=None, increment=1)


class Unseen:
    """A database whose variable is not set."""

    def table(self, _: str) -> AnyColumns:
        """Any columns at all."""
        return AnyColumns()


class Catalogs:
    """The databases of a plan, each opened when first looked at. ``unseen`` names those that are not at hand."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]]) -> None:
        self._connections = Connections(specs)
        self._specs = specs
        self._found: dict[str, Any] = {}
        self.unseen: list[str] = []

    def get(self, name: str) -> Any:
        """A database's tables.

        Raises:
            DatabaseError: it cannot be reached.
        """
        if name not in self._found:
            self._found[name] = self._open(name)
        return self._found[name]

    def open_all(self, job: Job) -> None:
        """Opens every database of the job's steps: one that cannot be reached is told before anything is planned."""
        for name in used_databases(job):
            self.get(name)

    def _open(self, name: str) -> Any:
        try:
            database = self._connections.get(name)
        except MissingVariable:
            self.unseen.append(name)
            return Unseen()
        database.execute("SET default_transaction_read_only = on")
        return database

    def file(self, address: str, *, version: str | None = None, exact: bool = False) -> File:
        """A file of any of the job's stores.

        Raises:
            MissingVariable: what its store's connection names is not set.
        """
        return self._connections.file(address, version=version, exact=exact)

    def is_database(self, name: str) -> bool:
        """Whether a connection has tables to look at."""
        return self._specs[name].get("type") in DATABASES

    def close(self) -> None:
        """Closes what was opened."""
        self._connections.close()


class PlanConnections(Connections):
    """A Task's connections while a plan is made: databases can be looked at, files can be read, nothing else can be opened."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]], catalogs: Catalogs, made: Mapping[str, str]) -> None:
        super().__init__(specs)
        self._catalogs, self._made = catalogs, made

    def file(self, address: str, *, version: str | None = None, exact: bool = False) -> File:
        """The file of an address; of one that the job would have made by now, what it would be a copy of."""
        if address not in self._made:
            return super().file(address, version=version, exact=exact)
        return replace(self._catalogs.file(self._made[address]), address=address)

    def get(self, name: str) -> Any:
        """The tables of a database, or a store.

        Raises:
            AssertionError: it is neither; a plan opens nothing else.
            MissingVariable: what a store's connection names is not set.
        """
        if is_store(self._specs[name]):
            resolve(overridden(name, self._specs[name]))
            return super().get(name)
        if not self._catalogs.is_database(name):
            raise AssertionError(f"a plan opens no connection such as {name}")
        return self._catalogs.get(name)

    def resolve(self, value: Any) -> Any:
        """As in a run, but a variable that is not set stays as it is written."""
        return resolve(value, leave_missing=True)
