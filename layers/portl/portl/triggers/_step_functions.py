"""Runs on Step Functions, and whatever stands in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from portl.errors import RunError
from portl.triggers._start import Starter

SEEN_WITHIN_S = 20.0
_AGAIN_S = 0.5
_BUSY = ("ThrottlingException", "ExecutionLimitExceeded", "ServiceUnavailable", "InternalServerException")


class StepFunctions:
    """Starts executions of state machines, by their ARN. ``client`` is boto3's, made when it is first needed."""

    def __init__(self, client: Any = None) -> None:
        if client is not None:
            self._client = client

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client("stepfunctions")

    def start(self, machine: str, name: str, given: Mapping[str, Any]) -> bool:
        """See Starter. The name is what makes it one run: Step Functions keeps a name for 90 days after its execution ended.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html

        Raises:
            RunError: R192, Step Functions refuses; R193, it asks to come again.
        """
        from botocore.exceptions import ClientError

        text = json.dumps(given, ensure_ascii=False, allow_nan=False)
        try:
            self._client.start_execution(stateMachineArn=machine, name=name, input=text)
        except ClientError as problem:
            code = problem.response["Error"]["Code"]
            if code == "ExecutionAlreadyExists":
                return False
            raise _refused(name, code, problem) from problem
        return True

    def is_running(self, machine: str, besides: str) -> bool:
        """See Starter."""
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
        return any(each["name"] != besides for page in pages for each in page["executions"])

    def succeeded(self, machine: str) -> Iterator[str]:
        """See Starter. Executions that ended more than 90 days ago are no more."""
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="SUCCEEDED")
        return (each["name"] for page in pages for each in page["executions"])

    def appeared(self, machine: str, name: str) -> None:
        """See Starter. Lists of executions lag behind; one that has ended by then will not be in one any more."""
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        until = time.monotonic() + SEEN_WITHIN_S
        while time.monotonic() < until:
            found = self._client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
            if any(each["executionArn"] == execution for each in found):
                return
            if self._client.describe_execution(executionArn=execution)["status"] != "RUNNING":
                return
            time.sleep(_AGAIN_S)


def _refused(name: str, code: str, problem: Exception) -> RunError:
    text = f"the run {name} cannot be started: {problem}"
    if code in _BUSY:
        return RunError(text, code="R193", hint="it is tried again", outcome="Transient")
    return RunError(text, code="R192", hint="check the function's role, and that the state machine is there")


_STARTERS: list[Starter] = []


def use_starter(starter: Starter | None) -> None:
    """Sets what runs state machines in this process; None goes back to AWS."""
    _STARTERS[:] = [starter] if starter else []


def current_starter() -> Starter:
    """What runs state machines here: Step Functions, where nothing else was said."""
    if not _STARTERS:
        _STARTERS.append(StepFunctions())
    return _STARTERS[0]
