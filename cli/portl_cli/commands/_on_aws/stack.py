"""A deployed stack: its name, the state machine of a job, where its runs are kept."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from portl.errors import SetupError
from portl.stores import S3Spec, Store, open_store
from portl_cli.commands._on_aws.account import Account, error_code, told

SAMCONFIG = "samconfig.toml"
BUCKET = "RunBucket"
"""The bucket's name inside the template."""
RUNS = "runs"
"""What the template's ``PORTL_RUNS`` has behind the bucket."""
SPECS_UNDER = ""
"""Behind what the folder of packaged specs stands."""
_KEY = re.compile(r"\$\{(\w+)\}")


def stack_name(root: Path, told_name: str | None) -> str:
    """The stack as told, or the default one of the project's ``samconfig.toml``.

    Raises:
        click.UsageError: neither says one.
    """
    if told_name:
        return told_name
    file = root / SAMCONFIG
    try:
        said = tomllib.loads(file.read_text("utf-8")).get("default", {}) if file.is_file() else {}
    except tomllib.TOMLDecodeError as problem:
        raise SetupError(
            f"{file} is not TOML: {problem}", code="V170", hint="correct it, or name the stack: --stack"
        ) from problem
    for part in ("deploy", "global"):
        name = said.get(part, {}).get("parameters", {}).get("stack_name")
        if name:
            return str(name)
    raise click.UsageError(f"name the stack with --stack: {file} has none")


@dataclass(frozen=True)
class Stack:
    """A stack in an account."""

    name: str
    account: Account

    @cached_property
    def states(self) -> Any:
        """The client of Step Functions."""
        return self.account.client("stepfunctions")

    def machine(self, job: str) -> str:
        """The ARN of a job's state machine, as the template names it."""
        return self._arn("stateMachine", f"{self.name}-{job}")

    def execution(self, job: str, run: str) -> str:
        """The ARN of a run: an execution has its name."""
        return self._arn("execution", f"{self.name}-{job}:{run}")

    def console(self, execution: str) -> str:
        """The page of an execution in AWS's console."""
        domain = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
        site = domain.get(self.account.partition, "console.aws.amazon.com")
        return (
            f"https://{self.account.region}.{site}/states/home?region={self.account.region}#/v2/executions/details/{execution}"
        )

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self.account.partition}:states:{self.account.region}:{self.account.number}:{kind}:{name}"

    def runs(self) -> Store:
        """The store that the stack's functions keep their runs in.

        Raises:
            SetupError: V162, there is no such stack, or it has no run bucket; V160 to V168.
        """
        return self._store(RUNS)

    def specs(self) -> Store:
        """The store in whose folder ``specs`` the stack's functions look for packaged specs. Raises as ``runs``."""
        return self._store(SPECS_UNDER)

    def _store(self, prefix: str) -> Store:
        spec = {"bucket": self._bucket(), "prefix": prefix, "region": self.account.region, **self.account.keys()}
        return open_store(S3Spec.model_validate(spec))

    def _bucket(self) -> str:
        from botocore.exceptions import ClientError

        with told("cloudformation:DescribeStackResource"):
            try:
                found = self.account.client("cloudformation").describe_stack_resource(
                    StackName=self.name, LogicalResourceId=BUCKET
                )
            except ClientError as problem:
                if error_code(problem) != "ValidationError":
                    raise
                text = f"the stack {self.name} is not there, or has no {BUCKET}: {problem.response['Error']['Message']}"
                raise SetupError(text, code="V162", hint="deploy it, or name another one with --stack") from problem
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def demand_same(stack: Stack, job: str, definition: Mapping[str, Any]) -> None:
    """Refuses a state machine that is not what the job compiles to here: another job would run than the one that is looked at.

    Raises:
        SetupError: V167, it differs; V163, there is none; V160 to V168.
    """
    with told("states:DescribeStateMachine"):
        found = stack.states.describe_state_machine(stateMachineArn=stack.machine(job))
    if not _same(definition, json.loads(found["definition"])):
        text = f"the state machine {stack.name}-{job} is not this job as it is here"
        hint = "deploy it: portl build && sam build && sam deploy; or run what is deployed with --deployed"
        raise SetupError(text, code="V167", hint=hint)


def _same(here: Any, there: Any) -> bool:
    """Whether they are equal, but for what stands there where ``${Key}`` stands here."""
    if isinstance(here, str) and isinstance(there, str):
        parts = _KEY.split(here)
        return re.fullmatch(".+".join(re.escape(text) for text in parts[::2]), there, re.DOTALL) is not None
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(_same(value, there[key]) for key, value in here.items())
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(map(_same, here, there))
    return bool(here == there)
