"""The wrapper of every handler: reads the Task, runs its driver, and lets only the five outcomes out."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from portl.errors import OUTCOMES, Outcome, Place, PortlError, RetryAfter, SetupError, StepError
from portl.runs._effects import effects
from portl.runs._events import log
from portl.runs._metrics import Meter, count, metered
from portl.runs._steptype import StepType
from portl.runs._task import LambdaContext, Payload, read_task
from portl.runs._waits import wait_for
from portl.values import redact

NOTE_CHARACTERS = 2_000
"""How much of an error's text leaves the function: a Cause over 32 KiB would be cut by Step Functions."""


def handle(step_type: StepType, event: Mapping[str, Any], context: LambdaContext) -> Any:
    """Runs one Task of a step type.

    Raises:
        Outcome: Transient, Throttled, Conflict, Permanent or RetryAfter; the error itself is kept in the run first.
    """
    with metered(step_type.name) as meter:
        started = time.monotonic()
        try:
            return _handled(step_type, event, context, meter)
        finally:
            if meter is not None:
                meter.tell(time.monotonic() - started)


def _handled(step_type: StepType, event: Mapping[str, Any], context: LambdaContext, meter: Meter | None) -> Any:
    started = time.monotonic()
    payload = Payload(event)
    try:
        task = read_task(event, context)
        if meter is not None:
            meter.types.update(task.types)
        with task.connections:
            answer = step_type.driver(task, step_type)
    except Outcome:
        raise
    except StepError as problem:
        raise _wait(problem, event, payload) or _leave(problem, problem.outcome, event, payload) from None
    except SetupError as problem:
        raise _leave(problem, "Permanent", event, payload) from None
    except Exception as problem:
        bug = StepError(f"{type(problem).__name__}: {problem}", code="R199", hint="this is a fault of Portl: please report it")
        bug.detail["traceback"] = traceback.format_exc()
        raise _leave(bug, "Permanent", event, payload) from problem
    seconds = round(time.monotonic() - started, 3)
    log("info", "task done", run=payload.run_id, step_id=task.name, chunk=payload.chunk, seconds=seconds)
    return {"run": {"id": task.run.id}, **answer} if task.begins else answer


def _wait(problem: StepError, event: Mapping[str, Any], payload: Payload) -> RetryAfter | None:
    """The wait that the other side asked for, where a Wait state can stand: behind one step of a chunk."""
    if "step" not in event:
        return None
    step_id = str(event["step"]["id"])
    wait = wait_for(problem, effects().folder(payload.run_id), event["step"], payload.chunk)
    if wait is not None:
        idx, seconds = problem.place.record, int(str(wait))
        log("warning", "waits as told", run=payload.run_id, step_id=step_id, idx=idx, chunk=payload.chunk, seconds=seconds)
    return wait


def _leave(problem: PortlError, outcome: str, event: Mapping[str, Any], payload: Payload) -> Outcome:
    """Keeps the error in the run, says it in the log, and answers the exception that leaves the function."""
    step_id = str(event.get("unit") or event.get("stage") or event.get("step", {}).get("id", ""))
    problem.place = problem.place.merged(Place(step=step_id))
    count("Failures", 1, step_id="")
    document = redact(error_document(problem, outcome))
    suffix = "" if payload.chunk is None else f"-{payload.chunk:05d}"
    effects().folder(payload.run_id).write(f"errors/{step_id}{suffix}.json", document)
    log("error", document["message"], run=payload.run_id, step_id=step_id, idx=problem.place.record, **_brief(document))
    return OUTCOMES[outcome](f"{problem.code} {document['message']}"[:NOTE_CHARACTERS])


def error_document(problem: PortlError, outcome: str) -> dict[str, Any]:
    """The error as the run keeps it: code, message, hint, place and what was being done."""
    return {
        "outcome": outcome,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "place": {name: value for name, value in asdict(problem.place).items() if value is not None},
        "detail": getattr(problem, "detail", {}),
    }


def _brief(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("code", "hint", "place", "detail")}
