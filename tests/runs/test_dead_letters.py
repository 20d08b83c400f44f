"""Which errors make a dead letter, and what becomes of a chunk whose function ended before it was through."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from portl.connections import Connections
from portl.errors import DatabaseError, FunctionError, HttpError, StepError, TemplateError
from portl.runs import Remaining, RunFolder, read_letters, set_chunk_aside
from portl.runs._letters import Addressed, is_set_aside, keep_letters
from portl.runs._rows import RowsReader, RowsWriter
from portl.runs._task import Group, Task
from portl.steps.api_call import ApiCall
from portl.steps.db_query_one import DbQueryOne
from portl.stores import MemoryDriver, Store

CALL = ApiCall(id="tell", type="api.call", path="/x", on_error="dead_letter")
QUERY = DbQueryOne(id="look", type="db.query_one", sql="SELECT 1", on_error="dead_letter")
WAIT = HttpError("429", code="H101", outcome="Throttled", retry_after=5)
AGAIN = HttpError("503", code="H101", outcome="Transient")


@pytest.mark.parametrize(
    ("spec", "problem", "waits", "letter"),
    [
        (CALL, HttpError("422", code="H101"), True, True),
        (CALL, AGAIN, True, True),
        (CALL, WAIT, True, False),
        (CALL, WAIT, False, True),
        (CALL, TemplateError("no such field", code="T110"), True, True),
        (CALL, FunctionError("there is no such function", code="L103"), True, False),
        (CALL.model_copy(update={"on_error": "fail"}), HttpError("422", code="H101"), True, False),
        (QUERY, DatabaseError("a constraint", code="D103"), False, True),
        (QUERY, DatabaseError("in the way", code="D106", outcome="Conflict"), False, False),
        (QUERY, DatabaseError("lost", code="D102", outcome="Transient"), False, False),
        (QUERY, DatabaseError("no such table", code="D105"), False, False),
        (QUERY, DatabaseError("not allowed", code="D107"), False, False),
        (QUERY, DatabaseError("the time was up", code="D108"), False, False),
    ],
)
def test_an_error_is_the_records_or_the_tasks(spec: Any, problem: StepError, waits: bool, letter: bool) -> None:
    assert is_set_aside(spec, problem, waits=waits) is letter


def keep_partial(folder: RunFolder, step_id: str, lines: list[Any]) -> None:
    """What a chunk that could not go on had finished."""
    folder.write_lines(f"partial/{step_id}/00001.jsonl", lines)
    folder.write(f"partial/{step_id}/00001.at", f"partial/{step_id}/00001.jsonl")


@pytest.fixture
def folder() -> RunFolder:
    return RunFolder(Store(MemoryDriver()), "r")


def task(folder: RunFolder, records: int, *, after: tuple[str, ...] = (), mask: Any = None, **caught: Any) -> Task:
    """The Task that writes the letters of chunk 1, of chunks of four."""
    writer = RowsWriter(folder, "results/read.rows", 4, "in.csv")
    for at in range(records):
        writer.add({"n": at}, at + 2)
    group = Group(({},), writer.close(), after=after)
    nothing: Any = SimpleNamespace()
    return Task(folder, nothing, (group,), 1, Connections({}), nothing, {}, False, nothing, mask=mask, caught=caught)


TIMED_OUT = {"error": {"Error": "Sandbox.Timedout", "Cause": "Task timed out after 900.00 seconds"}, "attempts": 6}
TELL = Remaining("tell", "tell", "tell", ())


def told(folder: RunFolder) -> list[tuple[int, str]]:
    return [(letter["record"], letter["from"]) for letter in read_letters(folder)]


def test_what_was_finished_keeps_its_answer_and_the_rest_is_kept_aside(folder: RunFolder) -> None:
    keep_partial(folder, "tell", [[4, {"status": 200}], [6, {"status": 201}]])
    assert set_chunk_aside(task(folder, 8, **TIMED_OUT), TELL) == {"failed": 2}
    assert told(folder) == [(5, "tell"), (7, "tell")]
    assert folder.read_lines("results/tell/00001.jsonl") == [{"status": 200}, None, {"status": 201}, None]
    assert (folder.exists("partial/tell/00001.jsonl"), folder.read("stats/tell/00001.json")) == (False, {"failed": 2})


def test_a_letter_of_a_function_that_ended_says_how_and_where_the_record_comes_from(folder: RunFolder) -> None:
    set_chunk_aside(task(folder, 5, **TIMED_OUT), TELL)
    (letter,) = read_letters(folder)
    assert letter == {
        "step": "tell",
        "record": 4,
        "file": "in.csv",
        "line": 6,
        "run": "r",
        "at": letter["at"],
        "error": {
            "outcome": "Transient",
            "code": "R113",
            "message": "the chunk's function was ended: Sandbox.Timedout: Task timed out after 900.00 seconds",
            "hint": "give the function more Timeout or MemorySize, or write a smaller batch.size; then do these records again",
            "place": {"step": "tell", "record": 4, "file": "in.csv", "line": 6},
            "detail": {"error": "Sandbox.Timedout"},
        },
        "attempt": 6,
        "from": "tell",
        "request": None,
        "value": {"n": 4},
    }


def test_what_the_step_had_finished_begins_again_behind_it(folder: RunFolder) -> None:
    keep_partial(folder, "tell", [[4, {"status": 200}]])
    remaining = Remaining("tell", "tell", "tell", (("next", None), ("last", None)))
    assert set_chunk_aside(task(folder, 6, **TIMED_OUT), remaining) == {"failed": 2}
    assert told(folder) == [(4, "next"), (5, "tell")]


def test_letters_that_were_there_stay_as_they_are(folder: RunFolder) -> None:
    given = task(folder, 8, after=("before",), **TIMED_OUT)
    assert given.rows is not None
    addressed = Addressed(RowsReader(folder, given.rows), "r")
    refused = HttpError("422", code="H101")
    keep_letters(folder, "before", 1, [addressed.letter(refused, step="before", record=4, **{"from": "before"})])
    keep_letters(folder, "tell", 1, [addressed.letter(refused, step="tell", record=5, **{"from": "tell"})])
    keep_partial(folder, "tell", [[5, None]])
    assert set_chunk_aside(given, TELL) == {"failed": 3}
    codes = [(letter["step"], letter["record"], letter["error"]["code"]) for letter in read_letters(folder)]
    assert codes == [("before", 4, "H101"), ("tell", 5, "H101"), ("tell", 6, "R113"), ("tell", 7, "R113")]


def test_a_record_goes_on_at_the_first_unit_that_takes_it(folder: RunFolder) -> None:
    ways = [{"branch": way} for way in ("then", "then", "else", "else")]
    folder.write_lines("results/choose/00001.jsonl", ways)
    keep_partial(folder, "big", [[4, {"status": 200}]])
    given = task(folder, 8, mask=("choose", "then"), **TIMED_OUT)
    assert set_chunk_aside(given, Remaining("big", "big", "big", (("small", ("choose", "else")),))) == {"failed": 3}
    assert told(folder) == [(5, "big"), (6, "small"), (7, "small")]


def test_the_error_that_the_function_kept_itself_is_the_letters(folder: RunFolder) -> None:
    place = {"step": "look", "record": 7, "column": "n"}
    kept = {"outcome": "Transient", "code": "D102", "message": "lost", "hint": "wait", "place": place, "detail": {}}
    folder.write("errors/look..put-00001.json", kept)
    remaining = Remaining("put", "look..put", "look", ())
    set_chunk_aside(task(folder, 6, error={"Error": "Transient", "Cause": "lost"}, attempts=4), remaining)
    assert [
        (letter["error"]["code"], letter["error"]["place"]["record"], letter["from"]) for letter in read_letters(folder)
    ] == [
        ("D102", 4, "look"),
        ("D102", 5, "look"),
    ]
    assert {letter["error"]["place"].get("column") for letter in read_letters(folder)} == {None}
