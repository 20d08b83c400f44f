"""A column of a new job: its name in the source, its name in the database, and what kind of value it holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portl.errors import JobError

SQL_TYPES: Mapping[str, str] = {
    "text": "text",
    "int": "bigint",
    "float": "double precision",
    "decimal": "numeric",
    "bool": "boolean",
    "date": "date",
    "datetime": "timestamptz",
    "json": "jsonb",
    "uuid": "uuid",
}
"""PostgreSQL's type for each type of a mapping."""

_SYSTEM = frozenset({"xmin", "xmax", "cmin", "cmax", "ctid", "tableoid"})
"""Columns that every table has. https://www.postgresql.org/docs/current/ddl-system-columns.html"""
_IDENTIFIER_BYTES = 63
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Column:
    """``source`` is its name in the records, ``name`` in the database; ``transforms`` make its text one that fits the type."""

    source: str
    name: str
    type: str = "text"
    transforms: tuple[Any, ...] = field(default=())

    def value(self, alias: str = "row") -> Any:
        """What a mapping says for it."""
        text = f"{{{{ {self.read(alias)} }}}}"
        if self.type == "text":
            return text
        if self.transforms:
            return {"from": text, "type": self.type, "transforms": list(self.transforms)}
        return {"from": text, "type": self.type}

    def read(self, alias: str = "row") -> str:
        """The expression that reads it of a record."""
        if _PLAIN_NAME.fullmatch(self.source):
            return f"{alias}.{self.source}"
        mark = '"' if "'" in self.source else "'"
        escaped = self.source.replace("\\", "\\\\").replace(mark, f"\\{mark}")
        shown = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)
        return f"{alias}[{mark}{shown}{mark}]"


def columns_from_text(text: str) -> tuple[Column, ...]:
    """Reads ``email, name, born:date``.

    Raises:
        JobError: a name stands twice, is empty, or its type is none.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise JobError("name every column, as in: email, name, born:date")
    pairs = [(name.strip(), kind.strip() or "text") for name, _, kind in (part.partition(":") for part in parts)]
    for name, kind in pairs:
        if kind not in SQL_TYPES:
            raise JobError(f"{kind!r} is no type; types are {', '.join(SQL_TYPES)}")
        if not _PLAIN_NAME.fullmatch(name):
            raise JobError(f"{name!r} is no column: letters, digits and _ after a letter")
    twice = {name for name, _ in pairs if [each for each, _ in pairs].count(name) > 1}
    if twice:
        raise JobError(f"{', '.join(sorted(twice))} stands twice")
    names = database_names(name for name, _ in pairs)
    return tuple(Column(source, name, kind) for (source, kind), name in zip(pairs, names, strict=True))


def database_names(sources: Iterable[str]) -> list[str]:
    """A plain SQL name for each column, no two the same: ``First Name`` is ``first_name``, and ``xmin`` is ``xmin_``."""
    found: list[str] = []
    for at, source in enumerate(sources, 1):
        wanted = plain_name(source) or f"column_{at}"
        wanted += "_" * (wanted in _SYSTEM)
        name, number = wanted, 2
        while name in found:
            name, number = f"{wanted}_{number}", number + 1
        found.append(name)
    return found


def plain_name(text: str) -> str:
    """A text as a name of letters, digits and ``_`` in lower case; empty when nothing is left of it."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_only.lower()).strip("_")
    name = f"c_{name}" if name[:1].isdigit() else name
    return name[: _IDENTIFIER_BYTES - 4].rstrip("_")
