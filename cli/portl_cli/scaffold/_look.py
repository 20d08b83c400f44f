"""What a CSV's records say about its columns: their types, and which of them tells one record from another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from portl.errors import StepError
from portl.stores import open_input, read_csv
from portl.values import RecordMapping, compile_mapping
from portl_cli.scaffold._columns import Column, database_names

RECORDS = 50_000
"""How many records are looked at: what takes seconds. A type must fit every record, so a longer file's columns are text."""
_PROBED = 1_000
_KEYS = 4
"""How many columns are tried for a key after the first records: each keeps a mark of every value."""

_KEY_NAMES = re.compile(r"(^|_)(id|key|code|sku|uuid|email|number|no)$")


@dataclass(frozen=True, slots=True)
class Seen:
    """The columns of a file and a guess at its key, by the columns' names in the database.

    ``records`` is how many were read; without ``whole`` the file has more.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    records: int
    whole: bool


def look(path: Path, limit: int = RECORDS) -> Seen:
    """Reads a CSV as a stream, up to a number of records. Columns are text where the file has more of them.

    Raises:
        CsvError: it is no CSV; with the line.
        StoreError: it cannot be read.
    """
    with open_input(str(path)) as stream:
        reader = read_csv(stream, name=str(path))
        names = database_names(reader.columns)
        types, keys = [_Types() for _ in names], _Keys(names)
        records = iter(reader)
        for _, values in islice(records, limit):
            texts = [value.strip() for value in values]
            keys.see(texts)
            for each, text in zip(types, texts, strict=True):
                each.see(text)
        whole = next(records, None) is None
    pairs = zip(reader.columns, names, types, strict=True)
    columns = (each.column(source, name) if whole else Column(source, name) for source, name, each in pairs)
    return Seen(tuple(columns), keys.best(), keys.seen, whole)


@dataclass(frozen=True, slots=True)
class _Guess:
    """A type, how its values are written, and what makes such text fit the type.

    ``tried`` says that not all text written so fits, such as ``2026-02-30``.
    """

    type: str
    written: re.Pattern[str]
    transforms: tuple[Any, ...] = ()
    tried: bool = False


_GUESSES = (
    _Guess("int", re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)),
    _Guess("decimal", re.compile(r"-?(0|[1-9]\d{0,27})(\.\d{1,20})?", re.ASCII)),
    _Guess(
        "decimal",
        re.compile(r"-?(0|[1-9]\d{0,27}|[1-9]\d{0,2}(\.\d{3}){1,9})(,\d\d?)?", re.ASCII),
        ({"parse_number": {"decimal": ",", "group": "."}},),
    ),
    _Guess("bool", re.compile(r"true|false|yes|no", re.IGNORECASE)),
    _Guess("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    _Guess("date", re.compile(r"\d{4}-\d\d-\d\d"), tried=True),
    _Guess("date", re.compile(r"\d\d?\.\d\d?\.\d{4}"), ({"parse_date": "%d.%m.%Y"},), tried=True),
    _Guess("datetime", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:.*"), tried=True),
    _Guess("json", re.compile(r"[{\[].*", re.DOTALL), tried=True),
)
"""The narrowest first, each narrower than the mapping itself would be: ``007`` and ``+49 30`` are codes, and of ``01/02/2026``
or ``1,234`` only the user knows what it means; all of them stay text."""


class _Types:
    """The guesses that every value of a column has fitted so far."""

    def __init__(self) -> None:
        self._left = [(guess, _mapping(guess)) for guess in _GUESSES]
        self._given = False

    def see(self, text: str) -> None:
        if not text or not self._left:
            return
        self._given = True
        self._left = [(guess, mapping) for guess, mapping in self._left if _fits(guess, mapping, text)]

    def column(self, source: str, name: str) -> Column:
        if not self._given or not self._left:
            return Column(source, name)
        guess, _ = self._left[0]
        return Column(source, name, guess.type, guess.transforms)


def _mapping(guess: _Guess) -> RecordMapping:
    return compile_mapping({"it": Column("it", "it", guess.type, guess.transforms).value()})


def _fits(guess: _Guess, mapping: RecordMapping, text: str) -> bool:
    if not guess.written.fullmatch(text):
        return False
    try:
        if guess.tried:
            mapping.apply({"row": {"it": text}})
    except StepError:
        return False
    return True


class _Keys:
    """The columns without gaps or doubles so far; those named like a key are tried before the others."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        order = sorted(range(len(names)), key=lambda at: not _KEY_NAMES.search(names[at]))
        self._tried: dict[int, set[int]] = {at: set() for at in order}
        self.seen = 0

    def see(self, texts: Sequence[str]) -> None:
        self.seen += 1
        if self.seen == _PROBED:
            self._tried = dict(islice(self._tried.items(), _KEYS))
        for at, known in list(self._tried.items()):
            mark, before = hash(texts[at]), len(known)
            known.add(mark)
            if not texts[at] or len(known) == before:
                del self._tried[at]

    def best(self) -> tuple[str, ...]:
        at = next(iter(self._tried), 0)
        return (self._names[at],)
