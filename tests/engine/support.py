"""Short ways to write a machine and to run it."""

from __future__ import annotations

from portl_cli.engine import Execution, FakeClock, FakeHost, execute, load_machine

INVOKE = "arn:aws:states:::lambda:invoke"


def machine(states: dict, **fields) -> dict:
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **fields}


def task(function: str = "f", payload=None, **fields) -> dict:
    arguments = {"FunctionName": function, "Payload": {} if payload is None else payload}
    onward = {} if "Next" in fields else {"End": True}
    return {"Type": "Task", "Resource": INVOKE, "Arguments": arguments, **fields, **onward}


def ends(output=None, **fields) -> dict:
    return {"Type": "Pass", **({} if output is None else {"Output": output}), **fields, "End": True}


def processor(states: dict, mode: str = "INLINE") -> dict:
    config = {"Mode": mode, **({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})}
    return {"ProcessorConfig": config, "StartAt": next(iter(states)), "States": states}


def run(definition: dict, data=None, functions=None, **options) -> Execution:
    given = {"name": "run", "host": FakeHost(functions or {}), "clock": FakeClock(), **options}
    return execute(load_machine(definition, **given.pop("load", {})), data, **given)


def raises(name: str, message: str = "boom"):
    """A function that always fails with an exception of this name."""
    error = type(name, (Exception,), {})

    def function(event):
        raise error(message)

    return function


def kinds(events: list[dict]) -> list[str]:
    return [event["type"] for event in events]
