"""S1: every field is known, in its place, of its type. https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from portl_cli.engine._check import _kinds as kind
from portl_cli.engine._check._finding import Finding, inside
from portl_cli.engine._retry import MOST_SECONDS

if TYPE_CHECKING:
    from portl_cli.engine._data import Json

Fields = Mapping[str, kind.Kind]

LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"
"""The one integration of a Task. https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""

_SECONDS = kind.whole_or_query(0, MOST_SECONDS)
_COMMON: Fields = {"Type": kind.text, "Comment": kind.plain, "QueryLanguage": kind.one_of("JSONata")}
_ONWARD: Fields = {"Next": kind.text, "End": kind.true}
_RESULT: Fields = {"Assign": kind.an_object, "Output": kind.anything}
_TRY: Fields = {"Retry": kind.objects, "Catch": kind.objects}
_PLAIN: Fields = {**_COMMON, **_ONWARD, **_RESULT}

STATES: Mapping[str, Fields] = {
    "Task": {
        **_PLAIN,
        **_TRY,
        "Resource": kind.text,
        "Arguments": kind.object_or_query,
        "TimeoutSeconds": kind.whole_or_query(1, MOST_SECONDS),
    },
    "Map": {
        **_PLAIN,
        **_TRY,
        "Items": kind.array_or_query,
        "ItemSelector": kind.object_or_query,
        "ItemProcessor": kind.an_object,
        "MaxConcurrency": kind.whole_or_query(0, 10_000),
        "Label": kind.text,
    },
    "Parallel": {**_PLAIN, **_TRY, "Arguments": kind.anything, "Branches": kind.objects},
    "Pass": _PLAIN,
    "Wait": {**_PLAIN, "Seconds": _SECONDS, "Timestamp": kind.text},
    "Choice": {**_COMMON, **_RESULT, "Choices": kind.objects, "Default": kind.text},
    "Succeed": {**_COMMON, "Output": kind.anything},
    "Fail": {**_COMMON, "Error": kind.plain, "Cause": kind.plain},
}
_REQUIRED = {
    "Task": ("Resource", "Arguments"),
    "Map": ("ItemProcessor",),
    "Parallel": ("Branches",),
    "Choice": ("Choices",),
}
_LATER = {
    "Task": {"HeartbeatSeconds", "Credentials"},
    "Map": {"ItemReader", "ItemBatcher", "ResultWriter", "ToleratedFailureCount", "ToleratedFailurePercentage"},
}
MACHINE: Fields = {
    "Comment": kind.plain,
    "StartAt": kind.text,
    "States": kind.filled_object,
    "QueryLanguage": kind.one_of("JSONata"),
    "TimeoutSeconds": kind.whole(1, MOST_SECONDS),
    "Version": kind.one_of("1.0"),
}
_REGION: Fields = {"Comment": kind.plain, "StartAt": kind.text, "States": kind.filled_object}
_PROCESSOR: Fields = {**_REGION, "ProcessorConfig": kind.an_object}
_CONFIG: Fields = {"Mode": kind.one_of("INLINE", "DISTRIBUTED"), "ExecutionType": kind.one_of("STANDARD", "EXPRESS")}
_RULE: Fields = {"Condition": kind.query, "Next": kind.text, "Comment": kind.plain, **_RESULT}
_RETRIER: Fields = {
    "ErrorEquals": kind.texts,
    "IntervalSeconds": kind.whole(1, MOST_SECONDS),
    "MaxAttempts": kind.whole(0, MOST_SECONDS),
    "BackoffRate": kind.at_least(1),
    "MaxDelaySeconds": kind.whole(1, 31_622_399),
    "JitterStrategy": kind.one_of("FULL", "NONE"),
    "Comment": kind.plain,
}
_CATCHER: Fields = {"ErrorEquals": kind.texts, "Next": kind.text, "Comment": kind.plain, **_RESULT}
_ARGUMENTS: Fields = {"FunctionName": kind.text, "Payload": kind.anything}

_INSTEAD = {
    "InputPath": "Arguments or Output",
    "OutputPath": "Output",
    "Parameters": "Arguments",
    "ResultPath": "Output or Assign",
    "ResultSelector": "Output",
    "Result": "Output",
    "ItemsPath": "Items",
    "Iterator": "ItemProcessor",
    "SecondsPath": "Seconds",
    "TimestampPath": "Timestamp",
    "TimeoutSecondsPath": "TimeoutSeconds",
    "HeartbeatSecondsPath": "HeartbeatSeconds",
    "MaxConcurrencyPath": "MaxConcurrency",
    "ErrorPath": "Error",
    "CausePath": "Cause",
    "Variable": "Condition",
}
"""Fields of JSONPath and what JSONata has in their place."""

_KNOWN = {
    name
    for table in (*STATES.values(), MACHINE, _PROCESSOR, _CONFIG, _RULE, _RETRIER, _CATCHER, *_LATER.values())
    for name in table
}


def check_machine(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """The fields of the machine and of everything inside."""
    yield from _check_table("$", definition, MACHINE, needs=("StartAt", "States"), what="a state machine")
    yield from _check_states("$", definition)


def _check_states(path: str, region: Mapping[str, Any]) -> Iterator[Finding]:
    states = region.get("States")
    for name, state in (states if isinstance(states, dict) else {}).items():
        place = inside(path, "States", str(name))
        if isinstance(state, dict):
            yield from _check_state(place, state)
        else:
            yield Finding("S101", place, "a state is an object")


def _check_state(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    state_type = state.get("Type")
    if not isinstance(state_type, str) or state_type not in STATES:
        yield Finding("S108", inside(path, "Type"), f"there is no type of state {state_type!r}", _meant(state_type, STATES))
        return
    later = _LATER.get(state_type, set())
    needs = _REQUIRED.get(state_type, ())
    yield from _check_table(path, state, STATES[state_type], needs=needs, what=f"a {state_type} state", later=later)
    special = {"Task": _check_task, "Map": _check_map, "Wait": _check_wait}.get(state_type)
    if special is not None:
        yield from special(path, state)
    yield from _check_entries(path, state, "Choices", _RULE, needs=("Condition", "Next"), what="a rule of a Choice")
    yield from _check_entries(path, state, "Retry", _RETRIER, needs=("ErrorEquals",), what="an entry of Retry")
    yield from _check_entries(path, state, "Catch", _CATCHER, needs=("ErrorEquals", "Next"), what="an entry of Catch")
    yield from _check_branches(path, state)


def _check_task(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    resource = state.get("Resource")
    if resource not in (None, LAMBDA_INVOKE):
        yield Finding("S109", inside(path, "Resource"), f"the local engine does not run {resource!r}", f"use {LAMBDA_INVOKE}")
        return
    arguments = state.get("Arguments")
    if isinstance(arguments, dict):
        place = inside(path, "Arguments")
        yield from _check_table(place, arguments, _ARGUMENTS, needs=("FunctionName",), what="the arguments of lambda:invoke")


def _check_map(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    processor = state.get("ItemProcessor")
    if not isinstance(processor, dict):
        return
    place = inside(path, "ItemProcessor")
    yield from _check_table(place, processor, _PROCESSOR, needs=("StartAt", "States"), what="an ItemProcessor")
    yield from _check_states(place, processor)
    config = processor.get("ProcessorConfig", {})
    if isinstance(config, dict):
        distributed = config.get("Mode") == "DISTRIBUTED"
        needs = ("ExecutionType",) if distributed else ()
        yield from _check_table(inside(place, "ProcessorConfig"), config, _CONFIG, needs=needs, what="a ProcessorConfig")
        if "Label" in state and not distributed:
            yield Finding("S104", inside(path, "Label"), "Label belongs to a DISTRIBUTED Map only")


def _check_wait(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    if len({"Seconds", "Timestamp"} & set(state)) != 1:
        yield Finding("S106", path, "a Wait state has either Seconds or Timestamp")


def _check_branches(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    branches = state.get("Branches") if state.get("Type") == "Parallel" else None
    for at, branch in enumerate(branches if isinstance(branches, list) else []):
        if isinstance(branch, dict):
            place = inside(path, "Branches", at)
            yield from _check_table(place, branch, _REGION, needs=("StartAt", "States"), what="a branch")
            yield from _check_states(place, branch)


def _check_entries(
    path: str, state: Mapping[str, Any], name: str, table: Fields, *, needs: tuple[str, ...], what: str
) -> Iterator[Finding]:
    entries = state.get(name)
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield from _check_table(inside(path, name, at), entry, table, needs=needs, what=what)


def _check_table(
    path: str,
    body: Mapping[str, Any],
    table: Fields,
    *,
    needs: tuple[str, ...],
    what: str,
    later: Collection[str] = (),
) -> Iterator[Finding]:
    for name, value in body.items():
        place = inside(path, str(name))
        if name not in table:
            yield _stranger(place, str(name), table, what, later)
        elif (wanted := table[name](value)) is not None:
            yield Finding("S107", place, f"{name} must be {wanted}")
    yield from (Finding("S106", path, f"{what} needs {name}") for name in needs if name not in body)


def _stranger(place: str, name: str, table: Fields, what: str, later: Collection[str]) -> Finding:
    if name in later:
        return Finding("S105", place, f"the local engine does not run {name} yet")
    if name in _INSTEAD:
        return Finding("S104", place, f"{name} is a field of JSONPath", f"JSONata has {_INSTEAD[name]}")
    if name in _KNOWN:
        return Finding("S104", place, f"{name} does not belong in {what}")
    return Finding("S103", place, f"{what} has no field {name}", _meant(name, table))


def _meant(name: Json, known: Mapping[str, Any]) -> str:
    close = get_close_matches(str(name), known, 1)
    return f"did you mean {close[0]}?" if close else ""
