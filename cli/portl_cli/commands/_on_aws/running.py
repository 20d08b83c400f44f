"""A run on AWS: started, followed, and told of at its end."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from portl.errors import SetupError, StoreError
from portl.runs import NEW_KEY, keep_specs
from portl.values import redact
from portl_cli.commands._again import resume_command
from portl_cli.commands._aws_mark import mark_as_on_aws
from portl_cli.commands._concluding import conclude, conclude_json
from portl_cli.commands._display import Display, display_for
from portl_cli.commands._ending import keep_ending, keep_left
from portl_cli.commands._on_aws.account import Account, told
from portl_cli.commands._on_aws.following import Follower
from portl_cli.commands._on_aws.mirror import mirror
from portl_cli.commands._on_aws.resuming import named_run, resumed_on_aws
from portl_cli.commands._on_aws.stack import Stack, demand_same, stack_name
from portl_cli.commands._on_aws.wanted import Wanted
from portl_cli.commands._outcome import Told, read_outcome
from portl_cli.commands._params import given_params
from portl_cli.commands._project import Project, compiled, job_file, runs_folder
from portl_cli.commands._watch import Watch
from portl_cli.compile import Compiled
from portl_cli.engine import Execution
from portl_cli.exit_codes import INTERRUPTED

LONGEST_NAME = 80
"""Of an execution, in characters. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""


def run_on_aws(wanted: Wanted) -> int:
    """Does what was asked for, and answers the exit code.

    Raises:
        click.UsageError, Refused: what was asked for cannot be meant.
        SetupError: V160 to V170, AWS or the stack is not as it must be.
    """
    project, found = compiled(wanted.job)
    goes_on = wanted.resume is not None or wanted.from_step is not None
    given = {} if goes_on or wanted.follow else _given(found, wanted)
    stack = Stack(stack_name(project.root, wanted.stack), Account())
    if wanted.follow:
        run = _Run(wanted, project, found, stack, named_run(runs_folder(project), wanted.follow))
        with told("states:DescribeExecution"):  # nothing is kept here of a run that is not there
            stack.states.describe_execution(executionArn=run.arn)
        return run.follow()
    if goes_on:
        given = resumed_on_aws(stack, runs_folder(project), found.job, job_file(wanted.job), wanted)
    if not wanted.deployed:
        demand_same(stack, found.job.job, found.definition)
    if wanted.dry_run:
        return _would_start(stack, found, given, as_json=wanted.as_json)
    run = _Run(wanted, project, found, stack, run_name(found.job.job))
    start(stack, found, run.name, given)
    return run.follow() if wanted.wait else run.leave()


def _given(found: Compiled, wanted: Wanted) -> dict[str, Any]:
    return {**given_params(found.job, wanted.params), **({NEW_KEY: True} if wanted.new_key else {})}


def run_name(job: str) -> str:
    """The name of a new run, which is that of its execution."""
    end = f"-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    return job[: LONGEST_NAME - len(end)] + end


def start(stack: Stack, found: Compiled, run: str, given: dict[str, Any]) -> None:
    """Starts an execution; specs that stand beside the machine are put where its functions read them.

    Raises:
        SetupError: V160 to V168.
        StoreError: such a spec cannot be written.
    """
    if found.specs:
        keep_specs(stack.specs(), found.specs)
    with told("states:StartExecution"):
        stack.states.start_execution(stateMachineArn=stack.machine(found.job.job), name=run, input=json.dumps(given))


def _would_start(stack: Stack, found: Compiled, given: dict[str, Any], *, as_json: bool) -> int:
    machine, text = stack.machine(found.job.job), redact(json.dumps(given, ensure_ascii=False))
    if as_json:
        click.echo(json.dumps({"event": "would_start", "machine": machine, "input": json.loads(text)}, ensure_ascii=False))
        return 0
    click.echo(f"would start {machine}\n  input   {text}\nnothing was started")
    return 0


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that was started, and what it is seen by on this machine."""

    wanted: Wanted
    project: Project
    found: Compiled
    stack: Stack
    name: str

    @property
    def arn(self) -> str:
        return self.stack.execution(self.found.job.job, self.name)

    @property
    def folder(self) -> Path:
        return runs_folder(self.project) / self.name

    def leave(self) -> int:
        """Says how it can be followed."""
        if self.wanted.as_json:
            with closing(display_for(as_json=True)) as display:
                self._begin(display)
            return 0
        for line in (f"run {self.name}", f"  console {self.stack.console(self.arn)}", f"  follow  {self._command('--follow')}"):
            click.echo(line)
        return 0

    def follow(self) -> int:
        """Follows it to its end and tells of that; an interrupt ends only the following."""
        self._make_folder()
        with closing(display_for(as_json=self.wanted.as_json)) as display, closing(self._watch(display)) as watch:
            try:
                self._begin(display)
                ended = Follower(self.stack.states, self.arn, watch, display, self._pause).follow()
                display.close()
                self._collect()
            except (KeyboardInterrupt, SetupError) as problem:
                display.close()
                self._left(watch, display)
                if isinstance(problem, SetupError):
                    raise
                return INTERRUPTED
            return self._conclude(watch, ended, display)

    def _watch(self, display: Display) -> Watch:
        return Watch(self.found, self.folder, display)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            mark_as_on_aws(self.folder, stack=self.stack.name, region=self.stack.account.region, execution=self.arn)
        except OSError as problem:
            hint = "set PORTL_RUNS to a folder that can be written"
            raise SetupError(f"{self.folder} cannot be made: {problem.strerror}", code="V130", hint=hint) from problem

    def _begin(self, display: Display) -> None:
        console = self.stack.console(self.arn)
        display.say(f"run {self.name}")
        display.say(f"  console {console}")
        about = {"run": self.name, "job": self.found.job.job, "folder": str(self.folder)}
        display.event("run_started", **about, execution=self.arn, console=console)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds * self.wanted.pace)

    def _left(self, watch: Watch, display: Display) -> None:
        stop = f"aws stepfunctions stop-execution --region {self.stack.account.region} --execution-arn {self.arn}"
        lines = [
            "left running on AWS: only the following has ended",
            f"  follow  {self._command('--follow')}",
            f"  stop    {stop}",
        ]
        keep_left(self._told(watch, Execution("ABORTED", None, None, None, [], watch.course.transitions)), watch.course, lines)
        if self.wanted.as_json:
            display.event("run_left", run=self.name, execution=self.arn)
            return
        for line in lines:
            click.echo(line, err=True)

    def _collect(self) -> None:
        """What it has kept; a run whose bucket cannot be read is told of without its counts."""
        try:
            mirror(self.stack.runs(), self.name, self.folder)
        except (StoreError, SetupError) as problem:
            click.echo(redact(f"the run bucket cannot be read, so counts are left out: {problem}"), err=True)

    def _conclude(self, watch: Watch, ended: Execution, display: Display) -> int:
        if ended.status == "ABORTED":  # which is an interrupt where a run of this machine says it
            cause = ended.cause or "somebody has stopped it"
            ended = Execution("FAILED", None, ended.error or "Stopped", cause, [], ended.transitions)
        found = self._told(watch, ended)
        keep_ending(found, watch.course)
        return conclude_json(found, display) if self.wanted.as_json else conclude(found)

    def _told(self, watch: Watch, ended: Execution) -> Told:
        file, where = job_file(self.wanted.job), self.wanted.where
        again = self._command("--resume") if (self.folder / "run.json").is_file() else ""
        outcome = read_outcome(self.folder)
        return Told(self.found.job, file, self.folder, ended, watch.committed, None, outcome, again, on=where)

    def _command(self, option: str) -> str:
        command = resume_command(job_file(self.wanted.job), self.name, where=self.wanted.where)
        return command.replace(" --resume ", f" {option} ", 1)
