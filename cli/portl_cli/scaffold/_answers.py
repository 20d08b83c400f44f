"""What ``portl init`` must know before it can write a job, and what each answer may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from portl.connections import Target, parse_target
from portl.errors import FunctionError, JobError
from portl_cli.scaffold._columns import Column

Source = Literal["csv", "lambda", "postgres"]
Destination = Literal["postgres", "api", "update"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A shape of job: where the records come from, whether a function sees each, where they go, who is told of it."""

    title: str
    source: Source
    target: Destination
    enriched: bool = False
    announced: bool = False

    @property
    def uses_database(self) -> bool:
        """Whether it needs a table."""
        return "postgres" in (self.source, self.target) or self.target == "update"

    @property
    def uses_api(self) -> bool:
        """Whether it calls an API."""
        return self.target == "api" or self.announced

    @property
    def uses_function(self) -> bool:
        """Whether it invokes a function."""
        return self.source == "lambda" or self.enriched

    @property
    def uses_key(self) -> bool:
        """Whether a record must be found again in a table."""
        return self.uses_database


KINDS: dict[str, Kind] = {
    "csv-to-postgres": Kind("a CSV file into a PostgreSQL table", "csv", "postgres"),
    "csv-to-api": Kind("a CSV file to an HTTP API, a call for each record", "csv", "api"),
    "csv-to-lambda-to-postgres": Kind(
        "a CSV file through a Lambda function into PostgreSQL in one transaction, then a call to an API",
        "csv",
        "postgres",
        enriched=True,
        announced=True,
    ),
    "lambda-to-postgres": Kind("what a Lambda function answers into a PostgreSQL table", "lambda", "postgres"),
    "lambda-to-api": Kind("what a Lambda function answers to an HTTP API", "lambda", "api"),
    "postgres-to-api": Kind("rows of a PostgreSQL query to an HTTP API", "postgres", "api"),
    "postgres-to-lambda": Kind("rows of a PostgreSQL table through a Lambda function and back", "postgres", "update", True),
}
"""What can be asked for, by name."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything a new job is made of.

    ``csv`` is the user's file: its path from the project's folder, a whole one where it lies elsewhere; or None for a
    sample (``stem``.csv, else ``name``.csv).
    """

    kind: Kind
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    table: str
    csv: str | None = None
    function: Target | None = None
    database_variable: str = "PG_URL"
    api_variable: str = "API_URL"
    api_path: str = "/records"
    stem: str = ""


_JOB = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,47}")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.IGNORECASE)
_PATH = re.compile(r"/[\w./~%@:+-]*")


def job_name(text: str) -> str:
    """A job's name. Raises JobError, as the others here do, with a sentence for the user."""
    return _matching(_JOB, text, "a job's name has letters, digits, - and _ after a letter, at most 48")


def table_name(text: str) -> str:
    """A table's name, a schema before a dot."""
    return _matching(_TABLE, text, "a table's name has letters, digits and _, and may have a schema before a dot")


def variable_name(text: str) -> str:
    """The name of an environment variable."""
    return _matching(_VARIABLE, text, "a variable's name has letters, digits and _, such as PG_URL")


def api_path(text: str) -> str:
    """The path of a request, under the API's address."""
    return _matching(_PATH, text, "a path begins with /, such as /records")


def function_target(text: str) -> Target:
    """What the connection to a function names."""
    try:
        target = parse_target(text.strip())
    except FunctionError as problem:
        raise JobError(f"{problem.message}: write {problem.hint}") from None
    if target.kind == "file" and not re.fullmatch(r"\w+\.py:\w+", target.name):
        raise JobError(f"{target.name!r}: the file stands beside the job, such as functions.py:handler")
    return target


def key_of(text: str, columns: Sequence[Column]) -> tuple[str, ...]:
    """The columns of a key, by their names in the database or in the source."""
    known = {column.source: column.name for column in columns} | {column.name: column.name for column in columns}
    wanted = [part.strip() for part in text.split(",")]
    unknown = [part for part in wanted if part not in known]
    if unknown:
        raise JobError(f"there is no column {', '.join(map(repr, unknown))}; columns are {', '.join(c.name for c in columns)}")
    return tuple(dict.fromkeys(known[part] for part in wanted))


def _matching(pattern: re.Pattern[str], text: str, otherwise: str) -> str:
    if not pattern.fullmatch(text.strip()):
        raise JobError(f"{text!r}: {otherwise}")
    return text.strip()
