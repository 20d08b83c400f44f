"""The older form: ``source``, ``destination`` and what happens between them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from portl.jobs import Strict

Conflict = Literal["overwrite", "skip", "fail"]


class CsvSide(Strict):
    """A CSV file."""

    type: Literal["csv"]
    path: str
    delimiter: str | None = None
    encoding: str | None = None


class DatabaseSide(Strict):
    """A table of a database, or a query as a source. ``key`` are the columns that tell rows apart, of a destination."""

    host: str = "localhost"
    port: int | str = 5432
    database: str
    username: str = "postgres"
    password: str | int | None = None
    table: str | None = None
    query: str | None = None
    key: str | list[str] | None = None


class PostgresSide(DatabaseSide):
    """PostgreSQL."""

    type: Literal["postgres"]


class MysqlSide(DatabaseSide):
    """MySQL, which this version does not speak."""

    type: Literal["mysql"]


class SheetsSide(Strict):
    """A sheet of Google Sheets, which this version does not read."""

    type: Literal["google_sheets"]
    spreadsheet_id: str = ""
    sheet_name: str = ""
    path: str | None = None


SIDES: dict[str, type[Strict]] = {
    "csv": CsvSide,
    "postgres": PostgresSide,
    "mysql": MysqlSide,
    "google_sheets": SheetsSide,
}


class Transformation(Strict):
    """One change of a column, named as in the source or as in the destination."""

    column: str
    operation: str
    format: str | None = None


class Hooks(Strict):
    """What is done before and after the job, and before and after each batch: SQL, a request, or a command."""

    before_job: Any = None
    after_job: Any = None
    before_batch: Any = None
    after_batch: Any = None


class OldForm(Strict):
    """A whole job of the older form. ``source`` and ``destination`` are read by their ``type``."""

    version: Literal[1] = 1
    job: str | None = None
    name: str | None = None
    description: str = ""
    source: dict[str, Any]
    destination: dict[str, Any]
    conflict: Conflict | None = None
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    parallel_jobs: int | None = Field(default=None, ge=1, le=1_000)
    schema_mapping: dict[str, str] = Field(default_factory=dict)
    transformations: list[Transformation] = Field(default_factory=list)
    hooks: Hooks = Hooks()
