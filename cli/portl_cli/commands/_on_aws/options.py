"""What ``portl run`` takes for a run on AWS. boto3 is loaded only when one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from portl_cli.commands._on_aws.wanted import Wanted
from portl_cli.commands._resume import refuse_beginning_anew

TAKEN = frozenset(
    {"job", "params", "dry_run", "new_key", "resume", "from_step", "as_json", "time_scale", "on", "stack", "wait", "follow"}
    | {"deployed"}
)
"""The options of ``portl run`` that a run on AWS takes too; any other is for a run on this machine."""
ONLY_THERE = {"stack": "--stack", "wait": "--no-wait", "follow": "--follow", "deployed": "--deployed"}

Command = Callable[..., int]


def on_aws(command: Command) -> Command:
    """Adds the options, and does with ``--on aws`` what the command does on this machine without."""

    @click.option(
        "--on", type=click.Choice(["local", "aws"]), default="local", show_default=True, help="This machine, or Step Functions."
    )
    @click.option("--stack", metavar="NAME", envvar="PORTL_STACK", help="On AWS: the stack; else the one of samconfig.toml.")
    @click.option("--wait/--no-wait", default=True, help="On AWS: follow it to its end, or only start it.")
    @click.option("--follow", metavar="RUN", help="On AWS: follow RUN, which was started before, instead of starting one.")
    @click.option("--deployed", is_flag=True, help="On AWS: run what is deployed, although it is not this job as it is here.")
    @wraps(command)
    def either(*, on: str, stack: str | None, wait: bool, follow: str | None, deployed: bool, **local: Any) -> int:
        if on == "local":
            _refuse({name: option for name, option in ONLY_THERE.items() if _given(name)}, "is for a run with --on aws")
            return command(**local)
        wrong = {name: f"--{name.replace('_', '-')}" for name in click.get_current_context().params if name not in TAKEN}
        _refuse({name: option for name, option in wrong.items() if _given(name)}, "is for a run on this machine")
        if local["job"] is None:
            raise click.UsageError("name a JOB")
        from portl_cli.commands._on_aws.running import run_on_aws

        shared = {name: local[name] for name in ("job", "params", "dry_run", "new_key", "resume", "from_step", "as_json")}
        more = {"stack": stack, "wait": wait, "follow": follow, "deployed": deployed, "pace": local["time_scale"]}
        return run_on_aws(_sensible(Wanted(**shared, **more)))

    return either


def _given(name: str) -> bool:
    """Whether it stands on the command line: a variable of the environment is there for every command."""
    return click.get_current_context().get_parameter_source(name) == ParameterSource.COMMANDLINE


def _refuse(options: dict[str, str], why: str) -> None:
    for option in options.values():
        raise click.UsageError(f"{option} {why}")


def _sensible(wanted: Wanted) -> Wanted:
    goes_on = wanted.resume is not None or wanted.from_step is not None
    refuse_beginning_anew(goes_on=goes_on, new_key=wanted.new_key, dry_run=wanted.dry_run)
    if wanted.follow is not None and (goes_on or wanted.new_key or wanted.params or wanted.dry_run or not wanted.wait):
        raise click.UsageError("--follow only looks at a run: leave out what would start one")
    return wanted
