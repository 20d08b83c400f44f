"""A run's dead letters, as its end and `portl runs show --failed` tell them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from portl.runs import Letter, RunFolder, read_letters
from portl.stores import open_store
from portl.values import shortened

LONGEST = 300


def letters_of(run_folder: Path) -> Iterator[Letter]:
    """Every dead letter of a run, by step and record."""
    return read_letters(RunFolder(open_store(str(run_folder.parent)), run_folder.name))


def count_letters(run_folder: Path) -> dict[str, int]:
    """How many letters each step has, without reading them."""
    found: dict[str, int] = {}
    for file in sorted((run_folder / "dead").glob("*/*.jsonl")):
        count = file.read_bytes().count(b"\n")
        if count:
            found[file.parent.name] = found.get(file.parent.name, 0) + count
    return found


def letter_lines(letter: Letter) -> Iterator[str]:
    """A letter as people read it: which record, why, what to do, and what would have gone out."""
    error = letter["error"]
    where = f", {letter['file']} line {letter['line']:,}" if "line" in letter else ""
    column = f", column {error['place']['column']}" if "column" in error["place"] else ""
    yield f"{letter['step']}, record {letter['record'] + 1:,}{where}{column}"
    yield f"  cause   {error['code']} {shortened(error['message'], LONGEST)}"
    if error["hint"]:
        yield f"  to do   {error['hint']}"
    if letter["request"] is not None:
        yield f"  request {shortened(_request(letter['request']), LONGEST)}"
    if letter.get("called"):
        yield f"  called  {', '.join(letter['called'])}: answered before the record was taken back"


def _request(request: Letter) -> str:
    """What would have gone out, on one line."""
    match request["kind"]:
        case "request":
            return f"{request['method']} {request['url']}"
        case "statement":
            return " ".join(str(request["sql"]).split()) + "".join(f" {value!r}" for value in request["params"])
        case "invocation":
            return f"{request['connection']} {request['payload']}"
    return str(request["kind"])
