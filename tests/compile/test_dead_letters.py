"""What ``on_error: dead_letter`` becomes in a machine: whose letters a Task looks at, and what takes the rest of a chunk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from compile.test_segments import CALL, CONDITIONAL, LOOK, READ, UPSERT
from portl.jobs import Job
from portl_cli.compile import compile_job, substitution_key
from portl_cli.engine import Execution, FakeClock, FakeHost, execute, load_machine


def aside(text: str) -> str:
    """The steps, all of them but the file's with on_error: dead_letter."""
    return text.replace("batch: *each", "on_error: dead_letter, batch: *each").replace(
        "batch: &", "on_error: dead_letter, batch: &"
    )


KEPT_ASIDE = aside(READ) + UPSERT + LOOK.replace("batch", "on_error: dead_letter, batch") + aside(CALL)
BRANCHES = READ + CONDITIONAL.format(batch="batch: *each\n    on_error: dead_letter", test="row.code == 'a'").replace(
    "{id: no, ", "{id: no, on_error: dead_letter, "
)


def tasks(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The payloads of all Tasks by the state's name."""
    found = {}
    for name, state in definition["States"].items():
        if state["Type"] == "Task":
            found[name] = state["Arguments"]["Payload"]
        elif "ItemProcessor" in state:
            found |= tasks(state["ItemProcessor"])
    return found


def compiled(job: Job) -> dict[str, Any]:
    return compile_job(job, lambda _: 900).definition


def after(definition: dict[str, Any]) -> dict[str, Any]:
    return {name: payload["after"] for name, payload in tasks(definition).items() if "after" in payload}


def test_every_task_over_the_same_records_is_told_the_steps_before_it_that_keep_records_aside(
    job: Callable[[str], Job],
) -> None:
    found = compiled(job("transaction: {scope: chunk, connection: db}\n" + KEPT_ASIDE))
    assert after(found) == {
        "put to look in one transaction": ["enrich"],
        "letters of look": ["enrich"],
        "call": ["enrich", "look"],
        "letters of call": ["enrich", "look"],
    }


def test_a_call_that_is_moved_behind_the_commit_is_no_step_before_it(job: Callable[[str], Job]) -> None:
    found = compiled(job("transaction: {scope: db, connection: db}\n" + READ + UPSERT + aside(CALL) + LOOK))
    groups = tasks(found)["put to look in one transaction"]["groups"]
    assert ([group.get("after") for group in groups], after(found)) == ([None], {})


def test_a_transaction_over_all_records_is_told_too(job: Callable[[str], Job]) -> None:
    found = compiled(job("transaction: {scope: db, connection: db}\n" + aside(READ) + UPSERT + LOOK))
    assert [group["after"] for group in tasks(found)["put to look in one transaction"]["groups"]] == [["enrich"]]


def test_a_job_without_dead_letters_has_none_of_it(job: Callable[[str], Job]) -> None:
    text = str(compiled(job("transaction: {scope: chunk, connection: db}\n" + READ + UPSERT + CALL + LOOK)))
    assert [word in text for word in ("dead_letter", "'after'", "on_error", "DeadLetter")] == [False] * 4


@dataclass
class Ran:
    """A run on functions of the test: what they were asked, and what the chunks' children ended with."""

    ended: Execution
    calls: list[tuple[str, Any]]
    chunks: list[Any]


def run(job: Job, **functions: Callable[[Any], Any]) -> Ran:
    rows = {"ref": "results/read.rows", "count": 3, "size": 500, "chunks": 1}
    host = FakeHost({"csv_read": lambda _: {"run": {"id": "r"}, "rows": rows}, **functions})
    names = ("csv_read", "lambda_invoke", "api_call", "dead_letter", "conditional")
    machine = load_machine(compiled(job), substitutions={substitution_key(name): name for name in names})
    events: list[Any] = []
    ended = execute(machine, {}, name="r", host=host, clock=FakeClock(), on_event=events.append)
    done = [each for each in events if each["execution"] and each["type"] == "ExecutionSucceeded"]
    return Ran(ended, host.calls, [json.loads(each["executionSucceededEventDetails"]["output"]) for each in done])


def ends_with(name: str) -> Callable[[Any], Any]:
    """A function that ends with an error of this name."""

    def end(_: Any) -> Any:
        raise type(name, (Exception,), {})("Task timed out after 900.00 seconds")

    return end


TWO_CALLS = aside(READ) + aside(CALL).replace("steps.put[idx].id", "row.code")


@pytest.mark.parametrize(
    ("error", "attempts"), [("Sandbox.Timedout", 6), ("Runtime.ExitError", 6), ("Transient", 4), ("Lambda.Unknown", 6)]
)
def test_what_a_function_could_not_finish_goes_to_its_letters_and_the_machine_goes_on(
    job: Callable[[str], Job], error: str, attempts: int
) -> None:
    ran = run(job(TWO_CALLS), lambda_invoke=ends_with(error), dead_letter=lambda _: {"failed": 3})
    assert (ran.ended.status, ran.chunks) == ("SUCCEEDED", [3]), ran.ended.cause
    asked = [payload for name, payload in ran.calls if name == "dead_letter"]
    assert [(payload["step"], payload["caught"]["attempts"], payload["caught"]["error"]["Error"]) for payload in asked] == [
        (
            {
                "id": "letters_of_enrich",
                "type": "dead_letter",
                "of": "enrich",
                "unit": "enrich",
                "first": "enrich",
                "rest": [{"step": "call"}],
            },
            attempts,
            error,
        )
    ]
    assert "api_call" not in {name for name, _ in ran.calls}


@pytest.mark.parametrize("error", ["Permanent", "Runtime.ImportModuleError", "Runtime.HandlerNotFound"])
def test_what_no_record_is_to_blame_for_is_caught_by_nobody(job: Callable[[str], Job], error: str) -> None:
    ran = run(job(aside(READ)), lambda_invoke=ends_with(error), dead_letter=lambda _: {"failed": 3})
    assert (ran.ended.status, "dead_letter" in {name for name, _ in ran.calls}) == ("FAILED", False)


def test_the_letters_of_all_steps_of_a_chunk_are_added_up(job: Callable[[str], Job]) -> None:
    assert run(job(TWO_CALLS), lambda_invoke=lambda _: {"failed": 2}, api_call=lambda _: {"failed": 5}).chunks == [7]


def test_a_branch_that_nobody_takes_adds_nothing(job: Callable[[str], Job]) -> None:
    ran = run(
        job(BRANCHES),
        lambda_invoke=lambda _: {"failed": 0},
        conditional=lambda _: {"failed": 1, "then": 0, "else": 2},
        api_call=lambda _: {"failed": 2},
    )
    assert (ran.ended.status, ran.chunks) == ("SUCCEEDED", [3]), ran.ended.cause
