"""Comes to the answers of ``portl init``: from its options, by asking on a terminal, or by the defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click

from portl.connections import Target
from portl.errors import JobError, PortlError
from portl_cli.scaffold import (
    KINDS,
    Answers,
    Column,
    Kind,
    Seen,
    api_path,
    columns_from_text,
    function_target,
    job_name,
    key_of,
    look,
    plain_name,
    table_name,
    variable_name,
)

T = TypeVar("T")
DEFAULT_KIND = "csv-to-postgres"
DEFAULT_NAME = "people"
DEFAULT_COLUMNS = "email, name, born:date"


@dataclass(frozen=True, slots=True)
class Asking:
    """Where answers come from. ``given`` are the options by their names; without ``terminal`` nothing is asked."""

    given: dict[str, str]
    terminal: bool
    defaults: bool
    needed: list[str] = field(default_factory=list)

    def answer(self, option: str, question: str, read: Callable[[str], T], default: str, *, needed: bool = False) -> T:
        """The answer to one question, read and checked.

        Raises:
            click.UsageError: the option is wrong, or it is needed and nobody can be asked.
        """
        if option in self.given:
            return self._read_option(option, read)
        if self.defaults or (not self.terminal and not needed):
            return read(default)
        if not self.terminal:
            self.needed.append(f"--{option}")
            return read(default)

        def checked(text: str) -> T:
            try:
                return read(text)
            except PortlError as problem:
                raise click.UsageError(_told(problem)) from None

        found: T = click.prompt(question, default=default, value_proc=checked, show_default=bool(default))
        return found

    def _read_option(self, option: str, read: Callable[[str], T]) -> T:
        try:
            return read(self.given[option])
        except PortlError as problem:
            raise click.UsageError(f"--{option}: {_told(problem)}") from None


def _told(problem: PortlError) -> str:
    """What is wrong with an answer, with the line of a file where that is known."""
    place = problem.place
    return f"{problem.message} ({place.file} line {place.line})" if place and place.line is not None else problem.message


def ask(asking: Asking, root: Path, *, own_template: bool) -> Answers:
    """All answers. ``own_template`` says that the project has a template a function can be added to.

    Raises:
        click.UsageError: an option is wrong or missing.
        click.Abort: the user left.
    """
    kind = _kind(asking)
    csv, columns, key = _source(asking, kind)
    name = asking.answer("name", "Name of the job", job_name, _name_of(csv), needed=True)
    if not columns:
        columns = asking.answer("columns", "Columns, as name or name:type", columns_from_text, DEFAULT_COLUMNS)
        key = (columns[0].name,)
    table = plain_name(name) or "records"
    if kind.uses_database:
        table = asking.answer("table", "Table", table_name, table)
    if kind.uses_key:
        key = asking.answer("key", "Columns that tell one row from another", lambda text: key_of(text, columns), ", ".join(key))
    function = _function(asking, kind, name, own_template=own_template)
    found = Answers(kind, name, columns, key, table, csv and _from(root, csv), function, **_outside(asking, kind))
    if asking.needed:
        raise click.UsageError(f"there is no terminal to ask on: give {' and '.join(asking.needed)}, or --yes for the defaults")
    return found


def _kind(asking: Asking) -> Kind:
    names = list(KINDS)
    if asking.terminal and not asking.defaults and "kind" not in asking.given:
        width = max(map(len, names))
        click.echo("What shall the job do?")
        for number, (name, kind) in enumerate(KINDS.items(), 1):
            click.echo(f"  {number}  {name:<{width}}  {kind.title}")

    def read(text: str) -> Kind:
        wanted = text.strip()
        if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            wanted = names[int(wanted) - 1]
        if wanted not in KINDS:
            raise JobError(f"{text!r} is no kind of job: a number from 1 to {len(names)}, or one of {', '.join(names)}")
        return KINDS[wanted]

    return asking.answer("kind", "Kind, by its number or name", read, DEFAULT_KIND, needed=True)


def _source(asking: Asking, kind: Kind) -> tuple[str | None, tuple[Column, ...], tuple[str, ...]]:
    """The user's CSV with its columns and the guessed key; nothing of them when there is none."""
    if kind.source != "csv":
        if "csv" in asking.given:
            raise click.UsageError("--csv: this kind of job reads no CSV")
        return None, (), ()

    def read(text: str) -> tuple[str | None, tuple[Column, ...], tuple[str, ...]]:
        if not text.strip():
            return None, (), ()
        seen = look(Path(text.strip()))
        _say(text.strip(), seen, types=asking.terminal)
        return text.strip(), seen.columns, seen.key

    if "columns" in asking.given and "csv" not in asking.given:
        return None, (), ()
    return asking.answer("csv", "CSV file to read its columns from (Enter: write a sample)", read, "")


def _say(csv: str, seen: Seen, *, types: bool) -> None:
    """How much of the file was read, and what it says about the columns."""
    if seen.whole:
        click.echo(f"{csv}: read as a whole ({seen.records:,} record{'s' * (seen.records != 1)})")
    else:
        click.echo(
            f"{csv}: the first {seen.records:,} records were read; every column is text, as a later one may hold anything"
        )
    if types:
        click.echo("  " + ", ".join(f"{column.source} ({column.type})" for column in seen.columns))


def _name_of(csv: str | None) -> str:
    return (plain_name(Path(csv).stem)[:40] if csv else "") or DEFAULT_NAME


def _from(root: Path, csv: str) -> str:
    """The file's path from the project's folder, where jobs are run; as it is when it lies elsewhere."""
    file = Path(csv).resolve()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _function(asking: Asking, kind: Kind, name: str, *, own_template: bool) -> Target | None:
    if not kind.uses_function:
        return None
    stem = f"{plain_name(name)}_{'enrich' if kind.enriched else 'feed'}"
    question = "Function: a folder of functions/, file.py:function beside the job, or an ARN"
    return asking.answer("function", question, function_target, stem if own_template else f"{stem}.py:handler")


def _outside(asking: Asking, kind: Kind) -> dict[str, str]:
    found: dict[str, str] = {}
    if kind.uses_database:
        question = "Environment variable with the database's URL"
        found["database_variable"] = asking.answer("database-var", question, variable_name, "PG_URL")
    if kind.uses_api:
        question = "Environment variable with the API's address"
        found["api_variable"] = asking.answer("api-var", question, variable_name, "API_URL")
        found["api_path"] = asking.answer("api-path", "Path of the request", api_path, "/records")
    return found
