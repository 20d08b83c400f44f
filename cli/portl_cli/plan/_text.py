"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from portl.connections import secret_variable, variables
from portl.jobs import StepSpec, walk_steps
from portl.values import Unknown
from portl_cli.plan._driver import Plan
from portl_cli.plan._notes import Note
from portl_cli.plan._shown import shown

INDENT = "    "
MOST_SHOWN = 20
"""Files of one pattern that are written out."""
Kind = Literal["title", "step", "sql", "text", "note"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plan; ``kind`` lets a terminal colour it."""

    kind: Kind
    text: str


def plan_text(plan: Plan) -> Iterator[Line]:
    """The plan, step by step: once what stands for all records, then what each shown record adds."""
    yield Line("title", f"plan of {plan.job.job}: nothing is written, nothing is sent")
    if plan.run_key is not None:
        yield Line("note", f"  run key {plan.run_key}")
    for name in plan.unseen:
        why = f"{' and '.join(_names(plan, name))} is not set"
        yield Line("note", f"  {name}: {why}, so mappings are not compared with its tables and an id column is assumed")
    steps = {step.id: step for step in walk_steps(plan.job.steps)}
    inside = _branches(plan.job.steps)
    margin = ""
    for (step_id, _), group in groupby(plan.notes, key=lambda note: (str(note["step"]), _frames(note))):
        notes = list(group)
        kinds = {note["kind"] for note in notes}
        if "begin" in kinds:
            yield Line("step", "")
            yield Line("step", f"begin on {notes[0]['connection']}{_locks(notes[0])}")
            yield from (Line("note", f"    {done}") for done in _known(notes))
            margin = "  "
        elif kinds == {"commit"}:
            yield Line("step", "")
            yield Line("step", f"commit on {notes[0]['connection']}")
            margin = ""
        else:
            yield from (
                Line(line.kind, margin + line.text if line.text else "")
                for line in _step(plan, steps.get(step_id), inside, notes)
            )


def _names(plan: Plan, connection: str) -> list[str]:
    found = variables(plan.job.connections[connection])
    return [name if kind == "env" else secret_variable(name) for kind, name in found]


def _known(notes: list[Note]) -> Iterator[str]:
    for run in dict.fromkeys(str(note["run"]) for note in notes if note["kind"] == "known"):
        yield f"this work was done by {run}: every record is answered as it was then, and nothing is written again"


def _frames(note: Note) -> str:
    """What stands apart from a step's records, though a transaction may be called as its only step."""
    return {"begin": "begin", "known": "begin", "commit": "commit"}.get(note["kind"], "")


def _locks(note: Note) -> str:
    return f", locking {', '.join(note['locks'])}" if note["locks"] else ""


def _branches(steps: Any) -> dict[str, tuple[str, str]]:
    """The conditional and branch that each inner step stands in."""
    return {inner.id: (step.id, branch) for step in walk_steps(steps) for branch, listed in step.branches() for inner in listed}


def _step(plan: Plan, step: StepSpec | None, inside: Mapping[str, tuple[str, str]], notes: list[Note]) -> Iterator[Line]:
    step_id = notes[0]["step"]
    yield Line("step", "")
    yield Line("step", f"{step_id}  {_about(plan, step, notes)}")
    if step is not None and step.id in inside:
        conditional, branch = inside[step.id]
        yield Line("note", f"{INDENT}{branch} of {conditional}")
    last = ""
    for note in notes:
        number = "" if note["record"] is None else f"{note['record'] + 1}"
        shared, own = _described(note)
        if shared != last:
            yield from (Line("sql", INDENT + line) for line in shared.splitlines())
            last = shared
        for at, line in enumerate(own):
            yield Line("text", f"{number if at == 0 else '':>3} {line}")


def _about(plan: Plan, step: StepSpec | None, notes: list[Note]) -> str:
    if step is None:
        return f"the records of a batch{_count(plan, notes[0]['step'])}"
    parts = [step.type]
    fields = step.model_dump(by_alias=True)
    connection = next((note["connection"] for note in notes if "connection" in note), None)
    if connection is not None:
        spec = plan.job.connections[connection]
        parts.append(f"{connection} ({spec['function']})" if "function" in spec else str(connection))
    if fields.get("table"):
        parts.append(f"table {fields['table']}")
    if fields.get("if"):
        parts.append(str(fields["if"]))
    return ", ".join(parts) + _count(plan, step.id)


def _count(plan: Plan, step_id: str) -> str:
    count = plan.counts.get(step_id)
    if count is None:
        return ""
    if count < 0:
        return ": how many records it gives only a run will tell"
    shown_of = "the first is shown" if plan.size == 1 else f"the first {plan.size} are shown"
    return f": {count:,} record{'' if count == 1 else 's'}" + (f", {shown_of}" if count > plan.size else "")


def _described(note: Note) -> tuple[str, list[str]]:
    """What stands once for the step, and the lines of this record."""
    describe = _FORMS.get(note["kind"])
    return str(note.get("sql", "")).strip(), list(describe(note)) if describe else []


def _statement(note: Note) -> Iterator[str]:
    named = zip(note["params"], note["columns"], strict=False)
    values = [f"${at} {name or ''}={shown(value)}" for at, (value, name) in enumerate(named, 1)]
    yield "  ".join(values) or "no values"


def _stage(note: Note) -> Iterator[str]:
    named = zip(note["columns"], note["params"], strict=True)
    yield "staged: " + "  ".join(f"{name}={shown(value)}" for name, value in named)


def _invocation(note: Note) -> Iterator[str]:
    yield ("event " if note["event"] else "") + shown(note["payload"])


def _read(note: Note) -> Iterator[str]:
    yield f"reads {shown(note['path'])}"


def _when(note: Note) -> Iterator[str]:
    admits = note["admits"]
    yield f"only when {admits}" if isinstance(admits, Unknown) else "left out by its when"


def _decide(note: Note) -> Iterator[str]:
    branch = note["branch"]
    yield f"only the run can tell {branch}: both branches are shown" if isinstance(branch, Unknown) else str(branch)


def _dead_letter(note: Note) -> Iterator[str]:
    yield f"kept aside: {note['code']} {note['message']}"


def _request(note: Note) -> Iterator[str]:
    query = "".join(f" {name}={shown(value)}" for name, value in (note.get("query") or {}).items())
    yield f"{note['method']} {note['url']}" + (f"  query{query}" if query else "")
    for name, value in note["headers"].items():
        yield f"{name}: {value}"
    for name in ("json", "body", "form"):
        if name in note:
            yield shown(note[name])


def _pages(note: Note) -> Iterator[str]:
    yield from _request(note)
    says = note["pages"]
    following = says["next"] if isinstance(says["next"], str) else shown(says["next"])
    yield f"<next page>: {following}, {says['max']:,} pages at most"
    yield f"  each gives {says['items']}"


def _write(note: Note) -> Iterator[str]:
    count, parts, packed = note["count"], note["parts"], note["compression"]
    records = f"{count} records" if isinstance(count, Unknown) else f"{count:,} record{'' if count == 1 else 's'}"
    form = note["format"] if packed == "none" else f"{note['format']}, {packed}"
    many = "" if parts is None else f", {parts:,} in a file"
    yield f"writes {note['path']}  ({form}; {records}{many}; what is there: {note['overwrite']})"
    if note["columns"] is not None:
        yield f"  columns {note['columns'] if isinstance(note['columns'], Unknown) else ', '.join(note['columns'])}"
    first = note["first"]
    yield from (f"  {line}" for line in ([str(first)] if isinstance(first, Unknown) else map(shown, first)))
    if note["manifest"] is not None:
        yield f"  then {note['manifest']}, which names the files"


def _copy(note: Note) -> Iterator[str]:
    how = f"  (overwrite: {note['overwrite']}, verify: {note['verify']})"
    if "files" not in note:
        yield f"{note['kind']} {_address(note['from'])} to {_address(note['to'])}{how}"
        return
    yield f"{note['kind']} {note['from']}: {_files(note['files'])}{how}"
    if not isinstance(note["files"], Unknown):
        yield from (f"  {_address(each['from'])} to {_address(each['to'])}" for each in note["files"][:MOST_SHOWN])
        yield from _others(note["files"])


def _delete(note: Note) -> Iterator[str]:
    more = ", with all that is in it" if note["recursive"] else ""
    files = note.get("files")
    yield f"delete {_address(note['path'])}{more}" + (f": {_files(files)}" if files is not None else "")
    if files is not None and not isinstance(files, Unknown):
        yield from (f"  {each}" for each in files[:MOST_SHOWN])
        yield from _others(files)


def _files(files: Any) -> str:
    return str(files) if isinstance(files, Unknown) else f"{len(files):,} file{'' if len(files) == 1 else 's'}"


def _others(files: Any) -> Iterator[str]:
    if len(files) > MOST_SHOWN:
        yield f"  and {len(files) - MOST_SHOWN:,} more"


def _address(address: Any) -> str:
    """An address as it is written; quoted where it has blanks."""
    return shown(address) if isinstance(address, str) and any(each.isspace() for each in address) else str(address)


def _list(note: Note) -> Iterator[str]:
    yield f"lists {_address(note['path'])}" + (", with the folders in it" if note["recursive"] else "")


def _look(note: Note) -> Iterator[str]:
    yield f"looks at {_address(note['path'])}"


def _sign(note: Note) -> Iterator[str]:
    yield f"signs {note['method']} {_address(note['path'])} for {note['expires_s']:,} s"


def _wait(note: Note) -> Iterator[str]:
    how = f"the same for {note['stable_s']:g} s; looks every {note['every_s']:g} s, for {note['timeout_s']:g} s at most"
    yield f"waits for {_address(note['path'])}: there, and {how}"


_FORMS: dict[str, Callable[[Note], Iterator[str]]] = {
    "statement": _statement,
    "stage": _stage,
    "request": _request,
    "pages": _pages,
    "invocation": _invocation,
    "read": _read,
    "write": _write,
    "when": _when,
    "decide": _decide,
    "dead_letter": _dead_letter,
    "list": _list,
    "copy": _copy,
    "move": _copy,
    "delete": _delete,
    "look": _look,
    "sign": _sign,
    "wait": _wait,
}
