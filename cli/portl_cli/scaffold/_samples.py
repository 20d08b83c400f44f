"""Something to run a new job on: records that fit its columns, as a CSV or out of an example function."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from portl_cli.scaffold._columns import Column

COUNT = 3

_PEOPLE = ("Ada Lovelace", "Grace Hopper", "Alan Turing")
_TEXTS: Mapping[str, Callable[[int], str]] = {
    "name": lambda at: _PEOPLE[at],
    "email": lambda at: f"{_PEOPLE[at].split()[0].lower()}@example.org",
}
_VALUES: Mapping[str, Callable[[int], str]] = {
    "int": lambda at: str(at + 1),
    "float": lambda at: f"{at + 1}.5",
    "decimal": lambda at: f"{at + 1}9.90",
    "bool": lambda at: "false" if at % 2 else "true",
    "date": lambda at: f"19{at + 1}0-12-{at + 10}",
    "datetime": lambda at: f"2026-01-0{at + 1}T09:30:00+00:00",
    "json": lambda at: json.dumps({"number": at + 1}),
    "uuid": lambda at: f"00000000-0000-4000-8000-00000000000{at + 1}",
}


def records(columns: Sequence[Column]) -> list[dict[str, str]]:
    """A few records, no two alike in any column but those of yes and no."""
    return [{column.source: _value(column, at) for column in columns} for at in range(COUNT)]


def _value(column: Column, at: int) -> str:
    if column.type != "text":
        return _VALUES[column.type](at)
    told = _TEXTS.get(column.source)
    return told(at) if told else f"{column.source} {at + 1}"


def csv_text(columns: Sequence[Column]) -> str:
    """The records as a CSV file."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, [column.source for column in columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records(columns))
    return stream.getvalue()


def source_function(columns: Sequence[Column], function: str) -> str:
    """A function that answers the records."""
    rows = "".join(f"    {json.dumps(record, ensure_ascii=False)},\n" for record in records(columns))
    return f'''"""Answers the records of a batch. Replace it by what knows them; Portl calls it once a run."""

RECORDS = [
{rows}]


def {function}(event, context):
    """``event`` is ``{{"batch_id": ...}}``; the answer is ``{{"records": [...]}}``."""
    return {{"batch_id": event["batch_id"], "records": RECORDS}}
'''


def enriching_function(function: str) -> str:
    """A function that says something about a record."""
    return f'''"""Says something about one record. Replace it by what you need to know; Portl calls it for each record."""

import hashlib
import json


def {function}(event, context):
    """``event`` is a record; the answer is ``{{"checksum": ..., "status": ...}}``."""
    text = json.dumps(event, sort_keys=True)
    complete = all(value not in ("", None) for value in event.values())
    return {{"checksum": hashlib.sha256(text.encode()).hexdigest(), "status": "complete" if complete else "incomplete"}}
'''
