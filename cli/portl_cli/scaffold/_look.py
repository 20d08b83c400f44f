"""What a CSV's first records say about its columns: their types, and which of them tells one record from another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from portl.errors import StepError
from portl.stores import open_input, read_csv
from portl.values import compile_mapping
from portl_cli.scaffold._columns import Column, database_names

RECORDS = 1_000
"""How many records are looked at."""

_KEY_NAMES = re.compile(r"(^|_)(id|key|code|sku|uuid|email|number|no)$")


@dataclass(frozen=True, slots=True)
class Seen:
    """The columns of a file and a guess at its key, by the columns' names in the database."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]


def look(path: Path) -> Seen:
    """Reads the header and the first records of a CSV.

    Raises:
        CsvError: it is no CSV; with the line.
        StoreError: it cannot be read.
    """
    with open_input(str(path)) as stream:
        reader = read_csv(stream, name=str(path))
        records = [values for _, values in islice(reader, RECORDS)]
        sources = reader.columns
    values = [[record[at].strip() for record in records] for at in range(len(sources))]
    found = (_column(source, name, each) for source, name, each in zip(sources, database_names(sources), values, strict=True))
    columns = tuple(found)
    return Seen(columns, _key(columns, values))


@dataclass(frozen=True, slots=True)
class _Guess:
    """A type, how its values are written, and what makes such text fit the type."""

    type: str
    written: re.Pattern[str]
    transforms: tuple[Any, ...] = ()


_GUESSES = (
    _Guess("int", re.compile(r"-?(0|[1-9]\d{0,17})")),
    _Guess("decimal", re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")),
    _Guess(
        "decimal",
        re.compile(r"-?(0|[1-9]\d*|[1-9]\d{0,2}(\.\d{3})+)(,\d\d?)?"),
        ({"parse_number": {"decimal": ",", "group": "."}},),
    ),
    _Guess("bool", re.compile(r"true|false|yes|no", re.IGNORECASE)),
    _Guess("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    _Guess("date", re.compile(r"\d{4}-\d\d-\d\d")),
    _Guess("date", re.compile(r"\d\d?\.\d\d?\.\d{4}"), ({"parse_date": "%d.%m.%Y"},)),
    _Guess("datetime", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:.*")),
    _Guess("json", re.compile(r"[{\[].*", re.DOTALL)),
)
"""The narrowest first, each narrower than the mapping itself would be: ``007`` and ``+49 30`` are codes, and of ``01/02/2026``
or ``1,234`` only the user knows what it means; all of them stay text."""


def _column(source: str, name: str, values: Sequence[str]) -> Column:
    given = [value for value in values if value]
    for guess in _GUESSES if given else ():
        if all(guess.written.fullmatch(value) for value in given) and _go_through(given, guess):
            return Column(source, name, guess.type, guess.transforms)
    return Column(source, name)


def _go_through(values: Sequence[str], guess: _Guess) -> bool:
    mapping = compile_mapping({"it": Column("it", "it", guess.type, guess.transforms).value()})
    try:
        for value in values:
            mapping.apply({"row": {"it": value}})
    except StepError:
        return False
    return True


def _key(columns: Sequence[Column], values: Sequence[Sequence[str]]) -> tuple[str, ...]:
    unique = [column.name for column, each in zip(columns, values, strict=True) if all(each) and len(set(each)) == len(each)]
    told = [name for name in unique if _KEY_NAMES.search(name)]
    return tuple((told or unique or [column.name for column in columns])[:1])
