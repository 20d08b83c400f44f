"""E3: which name in ErrorEquals takes which error."""

from __future__ import annotations

import pytest

from engine.support import ends, machine, raises, run, task
from portl_cli.engine import FakeClock

BIG = "x" * 300_000


def outcome(names, function, **fields):
    states = {"t": task(Catch=[{"ErrorEquals": names, "Next": "e"}], **fields), "e": ends("caught")}
    clock = FakeClock()
    execution = run(machine(states), functions={"f": lambda event: function(event, clock)}, clock=clock)
    return execution.output if execution.status == "SUCCEEDED" else execution.error


def named(event, clock):
    raises("Mine")(event)


def slow(event, clock):
    clock.advance(100)


def big(event, clock):
    return BIG


@pytest.mark.parametrize("names", [["Mine"], ["Other", "Mine"], ["States.TaskFailed"], ["States.ALL"]])
def test_an_error_is_caught_by_its_name_or_a_wildcard(names):
    assert outcome(names, named) == "caught"


@pytest.mark.parametrize("names", [["mine"], ["Min"], ["States.Timeout"], ["States.Runtime"]])
def test_an_error_is_not_caught_by_anothers_name(names):
    assert outcome(names, named) == "Mine"


@pytest.mark.parametrize("names", [["States.Timeout"], ["States.ALL"]])
def test_a_timeout_is_caught_by_name_and_by_all(names):
    assert outcome(names, slow, TimeoutSeconds=10) == "caught"


def test_a_timeout_is_no_failed_task():
    assert outcome(["States.TaskFailed"], slow, TimeoutSeconds=10) == "States.Timeout"


def test_too_much_data_is_caught_by_all_only():
    assert outcome(["States.ALL"], big) == "caught"
    for names in (["States.DataLimitExceeded"], ["States.TaskFailed"]):
        assert outcome(names, big) == "States.DataLimitExceeded"


@pytest.mark.parametrize("names", [["States.Runtime"], ["States.ALL"], ["States.TaskFailed"]])
def test_a_runtime_error_is_never_caught_not_even_by_name(names):
    states = {"p": {"Type": "Parallel", "Catch": [{"ErrorEquals": names, "Next": "e"}], "End": True}, "e": ends("caught")}
    states["p"]["Branches"] = [{"StartAt": "f", "States": {"f": {"Type": "Fail", "Error": "States.Runtime"}}}]
    assert run(machine(states)).error == "States.Runtime"


def test_a_fail_state_without_an_error_is_caught_by_all():
    states = {"p": {"Type": "Parallel", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "e"}], "End": True}, "e": ends()}
    states["p"]["Branches"] = [{"StartAt": "f", "States": {"f": {"Type": "Fail"}}}]
    assert run(machine(states)).output == {}
