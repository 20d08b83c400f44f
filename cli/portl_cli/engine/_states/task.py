from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from portl_cli.engine._failure import TIMEOUT, Failure
from portl_cli.engine._host import Answer, Failed
from portl_cli.engine._states.fields import (
    Definition,
    optional,
    read_catchers,
    read_exit,
    read_retriers,
    required,
    unexpected,
    whole_number,
)

if TYPE_CHECKING:
    from portl_cli.engine._data import Json
    from portl_cli.engine._retry import Catcher, Retrier
    from portl_cli.engine._states.base import Exit, Step, Visit
    from portl_cli.engine._value import Value

_RESOURCE = {"resourceType": "lambda", "resource": "invoke"}


@dataclass(frozen=True, slots=True)
class Task:
    """``lambda:invoke``: https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html."""

    kind: ClassVar[str] = "Task"
    name: str
    arguments: Value
    timeout: Value | None
    exit: Exit
    retriers: tuple[Retrier, ...]
    catchers: tuple[Catcher, ...]

    def run(self, visit: Visit) -> Step:
        bindings = visit.bindings()
        arguments = self.arguments.evaluate(bindings)
        if not isinstance(arguments, dict):
            raise unexpected("Arguments", "object", arguments)
        function = arguments.get("FunctionName")
        if not isinstance(function, str):
            raise unexpected("Arguments/FunctionName", "string", function)
        timeout = whole_number(self.timeout, bindings, "TimeoutSeconds") if self.timeout else None
        with visit.scope.run.gate:
            visit.scope.run.may_go_on(visit.scope.halt)
            self._record_start(visit, arguments, timeout)
            answer = self._invoke(visit, function, arguments.get("Payload", {}), timeout)
        visit.scope.halt.check()
        result = self._result(visit, answer)
        return self.exit.leave(visit.bindings(result=result), result)

    def _record_start(self, visit: Visit, arguments: Json, timeout: int | None) -> None:
        details: dict[str, Any] = {**_RESOURCE, "region": "local", "parameters": visit.scope.run.measured(arguments, self.name)}
        if timeout is not None:
            details["timeoutInSeconds"] = timeout
        visit.record("TaskScheduled", "taskScheduledEventDetails", details)
        visit.record("TaskStarted", "taskStartedEventDetails", dict(_RESOURCE))

    def _invoke(self, visit: Visit, function: str, payload: Json, timeout: int | None) -> Answer:
        run = visit.scope.run
        end = None if timeout is None else run.until(timeout)
        answer = run.host.invoke(function, payload)
        if end is not None and run.clock.now() > end:
            visit.record("TaskTimedOut", "taskTimedOutEventDetails", {**_RESOURCE, "error": TIMEOUT})
            raise Failure(TIMEOUT)
        return answer

    def _result(self, visit: Visit, answer: Answer) -> Json:
        try:
            result = _lambda_result(answer)
            output = visit.scope.run.measured(result, self.name)
        except Failure as failure:
            visit.record("TaskFailed", "taskFailedEventDetails", {**_RESOURCE, **failure.details()})
            raise
        visit.record("TaskSucceeded", "taskSucceededEventDetails", {**_RESOURCE, "output": output})
        return result


def _lambda_result(answer: Answer) -> dict[str, Json]:
    if isinstance(answer, Failed):
        raise Failure(answer.error_type, answer.cause())
    return {"ExecutedVersion": "$LATEST", "Payload": answer.payload, "StatusCode": 200}


def read(name: str, definition: Definition) -> Task:
    return Task(
        name=name,
        arguments=required(definition, "Arguments"),
        timeout=optional(definition, "TimeoutSeconds"),
        exit=read_exit(definition),
        retriers=read_retriers(definition),
        catchers=read_catchers(definition),
    )
