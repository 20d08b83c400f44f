"""The job that a new ``job.yaml`` holds: its parts as data, and its text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import PurePath
from typing import Any

from portl_cli.scaffold._answers import Answers
from portl_cli.scaffold._sql import quoted
from portl_cli.scaffold._yaml_text import Verbatim, entry, inline, item

RETRY = {"max_attempts": 4, "backoff_ms": 500}
ANSWER = ("checksum", "status")
"""What the example function answers about a record."""

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """How a job calls its parts; in a job that has parts already, they are called otherwise."""

    database: str = "database"
    api: str = "api"
    function: str = "function"
    read: str = "read"
    enrich: str = "enrich"
    save: str = "save"
    tell: str = "tell"
    path: str = "path"
    batch_id: str = "batch_id"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a job is made of, as data."""

    params: dict[str, Any]
    connections: dict[str, Any]
    steps: list[Step]
    transaction: dict[str, Any] | None = None
    run_key: str | None = None


def parts(answers: Answers, sample: str, names: Names) -> Parts:
    """The parts of the job. ``sample`` is the file that it reads when no other is given."""
    kind = answers.kind
    params: dict[str, Any] = {}
    if kind.source == "csv":
        # A path outside the project is one of this machine: it is given to each run, and kept nowhere.
        start = {"required": True} if PurePath(sample).is_absolute() else {"default": sample}
        params[names.path] = {"type": "string", **start, "description": "the CSV file"}
    if kind.source == "lambda":
        params[names.batch_id] = {"type": "string", "default": "demo", "description": "which records the function is asked for"}
    transaction = {"scope": "db", "connection": names.database} if kind.target == "postgres" else None
    run_key = f"{{{{ checksum(params.{names.path}) }}}}" if kind.source == "csv" else None
    return Parts(params, _connections(answers, names), _steps(answers, names), transaction, run_key)


def _connections(answers: Answers, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if answers.kind.uses_database:
        found[names.database] = {"type": "postgres", "url": f"${{env:{answers.database_variable}}}"}
    if answers.function is not None:
        found[names.function] = {"type": "lambda", "function": answers.function.name}
    if answers.kind.uses_api:
        found[names.api] = {"type": "http", "base_url": f"${{env:{answers.api_variable}}}"}
    return found


def _steps(answers: Answers, names: Names) -> list[Step]:
    kind = answers.kind
    found = [_SOURCES[kind.source](answers, names)]
    rows = f"{{{{ steps.{names.read}.{'records' if kind.source == 'lambda' else 'rows'} }}}}"
    batch = {"from": rows, "as": "row"}
    if kind.enriched:
        found.append(_enrich(answers, names, batch))
    if kind.target == "postgres":
        found.append(_save(answers, names, batch))
    elif kind.target == "update":
        found.append(_update(answers, names, batch))
    if kind.uses_api:
        found.append(_tell(answers, names, batch))
    return found


def _read_csv(answers: Answers, names: Names) -> Step:
    columns = [column.source for column in answers.columns]
    return {"id": names.read, "type": "csv.read", "path": f"{{{{ params.{names.path} }}}}", "columns": columns}


def _pull(_: Answers, names: Names) -> Step:
    payload = {"batch_id": f"{{{{ params.{names.batch_id} }}}}"}
    return {"id": names.read, "type": "lambda.invoke", "connection": names.function, "payload": payload}


def _query(answers: Answers, names: Names) -> Step:
    columns = ", ".join(quoted(column.name) for column in answers.columns)
    key = ", ".join(map(quoted, answers.key))
    sql = f"SELECT {columns}\nFROM {quoted(answers.table)}\nORDER BY {key}\n"
    return {"id": names.read, "type": "db.query_many", "connection": names.database, "sql": sql}


_SOURCES = {"csv": _read_csv, "lambda": _pull, "postgres": _query}


def _read_names(answers: Answers) -> dict[str, str]:
    """Column → the expression that reads it; a query answers with the database's names."""
    if answers.kind.source == "postgres":
        return {column.name: f"row.{column.name}" for column in answers.columns}
    return {column.name: column.read() for column in answers.columns}


def _record(answers: Answers) -> dict[str, str]:
    return {name: f"{{{{ {read} }}}}" for name, read in _read_names(answers).items()}


def _enrich(answers: Answers, names: Names, batch: Step) -> Step:
    start = {"id": names.enrich, "type": "lambda.invoke", "connection": names.function, "batch": batch}
    return {**start, "payload": _record(answers), "retry": RETRY}


def added(answers: Answers) -> dict[str, str]:
    """The columns that keep the function's answer: column → field of the answer."""
    if not answers.kind.enriched:
        return {}
    taken = {column.name for column in answers.columns}
    return {_free(name, taken): name for name in ANSWER}


def _free(wanted: str, taken: set[str]) -> str:
    numbered = (f"enriched_{wanted}_{number}" for number in count(2))
    return next(name for name in chain((wanted, f"enriched_{wanted}"), numbered) if name not in taken)


def _answered(answers: Answers, names: Names) -> dict[str, str]:
    return {column: f"{{{{ steps.{names.enrich}[idx].{field} }}}}" for column, field in added(answers).items()}


def _save(answers: Answers, names: Names, batch: Step) -> Step:
    mapping = {column.name: column.value() for column in answers.columns} | _answered(answers, names)
    start = {"id": names.save, "type": "db.upsert", "connection": names.database, "batch": batch}
    return {**start, "table": answers.table, "key": list(answers.key), "mapping": mapping}


def _update(answers: Answers, names: Names, batch: Step) -> Step:
    start = {"id": names.save, "type": "db.update", "connection": names.database, "batch": batch, "table": answers.table}
    return {**start, "set": _answered(answers, names), "where": {name: f"{{{{ row.{name} }}}}" for name in answers.key}}


def _tell(answers: Answers, names: Names, batch: Step) -> Step:
    start = {"id": names.tell, "type": "api.call", "connection": names.api, "batch": batch, "method": "POST"}
    body = _record(answers)
    if answers.kind.announced:
        body = {"id": f"{{{{ steps.{names.save}[idx].id }}}}"} | {name: body[name] for name in answers.key if name != "id"}
    return {**start, "path": answers.api_path, "json": body, "retry": RETRY}


def job_text(answers: Answers, sample: str, folder: str) -> str:
    """The whole file. ``folder`` is how the job's folder is named on the command line."""
    return "".join(f"{line}\n" for line in _lines(answers, parts(answers, sample, Names()), folder))


def _lines(answers: Answers, found: Parts, folder: str) -> Iterator[str]:
    yield f"# {answers.kind.title[0].upper()}{answers.kind.title[1:]}."
    needs = "".join(f" --param {name}=…" for name, spec in found.params.items() if spec.get("required"))
    yield f"# To try it: portl run {folder} --demo{needs}"
    yield "version: 2"
    yield f"job: {inline(answers.name)}"
    if found.params:
        yield from _block("params", found.params)
    if found.run_key:
        yield from entry("run_key", found.run_key)
    yield ""
    yield from _block("connections", found.connections)
    if found.transaction:
        yield ""
        yield from entry("transaction", found.transaction)
    yield ""
    yield "steps:"
    for number, step in enumerate(anchored(found.steps)):
        if number:
            yield ""
        yield from item(without_needless(step, found))


def _block(key: str, values: dict[str, Any]) -> Iterator[str]:
    yield f"{key}:"
    for name, value in values.items():
        yield from entry(name, value, "  ")


def anchored(steps: Sequence[Step]) -> list[Step]:
    """The steps with their batch written once, where several share it."""
    over = [step["batch"] for step in steps if "batch" in step]
    if len(over) < 2:  # noqa: PLR2004 - shared by two or more
        return list(steps)
    first = Verbatim(f"&each {inline(over[0])}")
    marks = iter([first, *[Verbatim("*each")] * (len(over) - 1)])
    return [{**step, "batch": next(marks)} if "batch" in step else step for step in steps]


def without_needless(step: Step, found: Parts) -> Step:
    """The step without a connection that it would take anyway: the only one of its kind."""
    name = step.get("connection")
    kinds = [spec["type"] for spec in found.connections.values()]
    if name is None or kinds.count(found.connections[name]["type"]) != 1:
        return step
    return {key: value for key, value in step.items() if key != "connection"}
