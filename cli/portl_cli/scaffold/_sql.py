"""SQL for a new job's table, and sample rows for a demo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from portl_cli.scaffold._columns import SQL_TYPES, Column

_RESERVED_WORDS = """
all analyse analyze and any array as asc asymmetric authorization between both case cast check collate column constraint
create cross current_date current_time current_timestamp current_user default deferrable desc distinct do else end
except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into is isnull
join lateral leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer
overlaps placing primary references returning right select session_user similar some symmetric table then to trailing
true union unique user using variadic verbose when where window with
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
"""PostgreSQL's reserved words. https://www.postgresql.org/docs/current/sql-keywords-appendix.html"""


def quoted(name: str) -> str:
    """A table's or column's name in SQL, in quotes only where it needs them."""
    return ".".join(f'"{part}"' if part in _RESERVED or part != part.lower() else part for part in name.split("."))


def schema(table: str, columns: Sequence[Column], key: Sequence[str], more: Iterable[str], job: str) -> str:
    """A table for the columns, and ``more`` of text. Its rows have an ``id`` of the database where they bring none."""
    names = {column.name for column in columns}
    lines = [] if "id" in names else ["id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"]
    lines += [f"{quoted(column.name)} {SQL_TYPES[column.type]}{' NOT NULL' * (column.name in key)}" for column in columns]
    lines += [f"{quoted(name)} text" for name in more]
    lines.append(f"{'PRIMARY KEY' if 'id' in names else 'UNIQUE'} ({', '.join(map(quoted, key))})")
    head = f"-- The table of {job}. Applied by `portl run --init-db` and by the demo; applying it again changes nothing.\n\n"
    return head + _schema_first(table) + f"CREATE TABLE IF NOT EXISTS {quoted(table)} (\n  " + ",\n  ".join(lines) + "\n);\n"


def _schema_first(table: str) -> str:
    """``public`` is there in any database, and asking for it again needs a right that few users have."""
    name, dot, _ = table.partition(".")
    return f"CREATE SCHEMA IF NOT EXISTS {quoted(name)};\n\n" if dot and name != "public" else ""


def sample_rows(table: str, columns: Sequence[Column], key: Sequence[str], records: Iterable[Mapping[str, str]]) -> str:
    """Statements that put the records into the table."""
    names = ", ".join(quoted(column.name) for column in columns)
    rows = ["(" + ", ".join(_literal(record[column.source]) for column in columns) + ")" for record in records]
    head = "-- Rows for `portl run --demo` to find in its embedded database; no other run applies this file.\n\n"
    values = ",\n  ".join(rows)
    conflict = ", ".join(map(quoted, key))
    return head + f"INSERT INTO {quoted(table)} ({names}) VALUES\n  {values}\nON CONFLICT ({conflict}) DO NOTHING;\n"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
