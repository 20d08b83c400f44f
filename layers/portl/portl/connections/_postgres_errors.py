"""What PostgreSQL's errors mean. SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from portl.errors import DatabaseError, Place
from portl.values import shortened

SHOWN = 200
_PARAMETER = re.compile(r"parameter \$(\d+)")
_COPY = re.compile(r"^COPY [^\n]*?, line (\d+)(?:, column ([^\n]+?)(?:: |$))?", re.MULTILINE)
"""https://www.postgresql.org/docs/current/sql-copy.html: the context of an error in a COPY."""
_VALUE = re.compile(r': "((?:[^"]|"")*)"')

_BY_STATE: tuple[tuple[str, str, str, str], ...] = (
    ("40001", "D106", "Conflict", "another transaction was in the way; it is tried again"),
    ("40P01", "D106", "Conflict", "another transaction was in the way; it is tried again"),
    ("55P03", "D106", "Conflict", "another transaction holds the lock; it is tried again"),
    ("57014", "D108", "Permanent", "the time was up: write transaction.scope: chunk, or smaller batches"),
    ("25P03", "D102", "Transient", "the writer was silent for too long, its transaction is rolled back; it is tried again"),
    ("57P", "D109", "Transient", "the server is going down or coming up; it is tried again"),
    ("53", "D109", "Transient", "the server is short of something: connections, memory or disk"),
    ("08", "D102", "Transient", "the connection was lost; it is tried again"),
    ("23", "D103", "Permanent", "correct the record, or the key and mapping of the step"),
    ("22", "D104", "Permanent", "correct the value in the source, or give the column a type in the mapping"),
    ("28", "D107", "Permanent", "check user and password in the connection's url"),
    ("42501", "D107", "Permanent", "grant the right to the connection's user"),
    ("3D", "D101", "Permanent", "create the database, or correct the url"),
    ("42", "D105", "Permanent", "correct the SQL, or create what it names"),
)


def database_error(problem: Exception, sql: str, params: Sequence[Any], columns: Sequence[str | None]) -> DatabaseError:
    """The error for a statement the server refused, with the column when it can be told."""
    fields: dict[str, str] = problem.args[0] if problem.args and isinstance(problem.args[0], dict) else {"M": str(problem)}
    state = fields.get("C", "")
    code, outcome, hint = next(
        ((code, outcome, hint) for start, code, outcome, hint in _BY_STATE if state.startswith(start)),
        ("D199", "Permanent", fields.get("H", "look at the server's message")),
    )
    copied = _COPY.search(fields.get("W", ""))
    column = fields.get("c") or (copied[2] if copied else None) or _refused_column(fields, params, columns)
    text = fields.get("M", "")
    if column and f'"{column}"' not in text:
        text = f"{column}: {text}"
    if fields.get("D"):
        text = f"{text} ({fields['D']})"
    detail = {
        "sql": sql,
        "params": [shortened(str(value), SHOWN) for value in params],
        "sqlstate": state,
        "constraint": fields.get("n"),
        "table": fields.get("t"),
        "copy_line": int(copied[1]) if copied else None,
    }
    detail = {name: value for name, value in detail.items() if value not in (None, "", [])}
    return DatabaseError(text, code=code, hint=hint, outcome=outcome, place=Place(column=column), detail=detail)


def connection_lost(problem: Exception, sql: str) -> DatabaseError:
    """The error for a connection that broke while a statement was under way."""
    text = f"the connection to the database was lost: {problem or type(problem).__name__}"
    return DatabaseError(text, code="D102", outcome="Transient", hint="is the server running?", detail={"sql": sql})


def _refused_column(fields: dict[str, str], params: Sequence[Any], columns: Sequence[str | None]) -> str | None:
    """The column of a value that could not be read: the server's context names its place, older ones only the value."""
    found = _PARAMETER.search(fields.get("W", ""))
    if found and int(found[1]) <= len(columns):
        return columns[int(found[1]) - 1]
    value = _VALUE.search(fields.get("M", ""))
    places = [at for at, param in enumerate(params) if value and str(param) == value[1]]
    return columns[places[0]] if len(places) == 1 and places[0] < len(columns) else None
