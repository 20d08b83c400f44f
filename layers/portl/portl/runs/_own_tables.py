"""Portl's own tables in a user's database: each is made where it is missing, outside the transaction that needs it."""

from __future__ import annotations

from typing import Any

from portl.errors import DatabaseError

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text"
"""Waits for a name's lock, which the end of the transaction gives back."""


def is_there(database: Any, table: str) -> bool:
    """Whether the database has the table."""
    return database.execute("SELECT to_regclass($1)::text", (table,)).rows[0][0] is not None


def make_where_missing(database: Any, table: str, statements: tuple[str, ...]) -> None:
    """Makes a table with ``statements``, of which each may be run where its work is done already.

    Raises:
        DatabaseError: D112, it is missing and may not be made.
    """
    if is_there(database, table):
        return
    try:
        with database.transaction():
            database.execute(LOCK, (table,))
            for statement in statements:
                database.execute(statement)
    except DatabaseError as problem:
        wanted = "; ".join(" ".join(statement.split()) for statement in statements)
        text = f"the table {table} is missing and cannot be made: {problem.message}"
        hint = f"let the schema's owner run: {wanted}"
        raise DatabaseError(text, code="D112", outcome=problem.outcome, hint=hint) from problem
