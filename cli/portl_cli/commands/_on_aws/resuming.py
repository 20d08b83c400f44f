"""The input of an execution that goes on from an earlier run, as that of a run of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from portl.errors import RunError, SetupError, StoreError
from portl.jobs import Job
from portl.runs import RESUME, check_key
from portl.values import redact
from portl_cli.commands._again import Refused
from portl_cli.commands._aws_mark import was_on_aws
from portl_cli.commands._ending import find_run, kept_runs
from portl_cli.commands._on_aws.account import error_code, told
from portl_cli.commands._on_aws.stack import Stack
from portl_cli.commands._on_aws.wanted import Wanted
from portl_cli.commands._params import param_texts
from portl_cli.commands._resume import check_going_on, resume_mark


def resumed_on_aws(stack: Stack, root: Path, job: Job, job_file: Path, wanted: Wanted) -> dict[str, Any]:
    """See ``resumed_input``. Step Functions' own redrive would keep the old definition, so this is another execution.

    Where the run bucket cannot be read from here, the functions refuse what cannot be gone on with.

    Raises:
        click.UsageError: there is no such step.
        Refused: there is no such run, it is still running, or going on from it would be other work.
        SetupError: V160 to V168.
    """
    run = named_run(root, wanted.resume) if wanted.resume else _newest(stack, job.job)
    if _running(stack, job.job, run):
        raise Refused(f"{run} is still running: wait for its end, or stop it")
    mark, given = resume_mark(job, run, wanted.from_step), param_texts(wanted.params)
    try:
        check_going_on(stack.runs(), job, job_file, mark, given, where=wanted.where, check=_check_key_if_it_can)
    except StoreError as problem:
        text = f"the run bucket cannot be read from here; the functions will see whether {run} can be gone on with"
        click.echo(redact(f"{text}: {problem}"), err=True)
    return {**given, RESUME: mark}


def _check_key_if_it_can(begin: Mapping[str, Any], params: Mapping[str, Any], base: Mapping[str, Any], run: str) -> None:
    """What the key is made of may be out of reach from here: then the functions check it, as they always do."""
    try:
        check_key(begin, params, base, run)
    except (StoreError, SetupError):
        return
    except RunError as problem:
        if problem.code == "R153":
            raise


def named_run(root: Path, run: str) -> str:
    """A run that was followed from here may be named by its beginning or as ``last``; any other by its whole name.

    Raises:
        click.UsageError: more than one begins so.
    """
    known = [str(each["run"]) for each in kept_runs(root) if was_on_aws(root / each["run"])]
    if run in known or (not any(each.startswith(run) for each in known) and run != "last"):
        return run
    return find_run(root, run)


def _newest(stack: Stack, job: str) -> str:
    """The newest execution of the job that has ended."""
    with told("states:ListExecutions"):
        pages = stack.states.get_paginator("list_executions").paginate(stateMachineArn=stack.machine(job))
        found = (each for page in pages for each in page["executions"] if each["status"] != "RUNNING")
        newest = next(found, None)
    if newest is None:
        raise Refused(f"--from goes on from the newest run of {job}, and there is none; run the job once without it")
    return str(newest["name"])


def _running(stack: Stack, job: str, run: str) -> bool:
    """What is older than 90 days Step Functions has forgotten; the run bucket may still have it."""
    with told("states:DescribeExecution"):
        try:
            found = stack.states.describe_execution(executionArn=stack.execution(job, run))
        except ClientError as problem:
            if error_code(problem) != "ExecutionDoesNotExist":
                raise
            return False
    return bool(found["status"] in ("RUNNING", "PENDING_REDRIVE"))
