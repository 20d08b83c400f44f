"""This machine: Python, the packages Portl stands on, the embedded server, the clock, who it is to AWS."""

from __future__ import annotations

import fcntl
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any

from portl.errors import SetupError
from portl_cli.commands._doctor.found import Found, Kind, failed
from portl_cli.embedded import has_data, start_postgres

PACKAGE = "portl-serverless"
OLDEST, NEWEST = (3, 11), (3, 14)
LITTLE_S, FAR_S = 30.0, 300.0
"""AWS refuses a request whose time is five minutes off.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""
_NAME = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?([^;]*)(;.*)?")
_BOUND = re.compile(r"(>=|<|==)\s*([0-9][0-9.]*)")
_REFUSED = frozenset({"AccessDenied", "AccessDeniedException"})


def python() -> Found:
    """Whether this Python is one that Portl is tested with."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        return Found("python", "fail", version, "install Python 3.11 or newer", "configuration")
    if sys.version_info[:2] > NEWEST:
        return Found("python", "warn", f"{version} is newer than those that are tested", "use 3.13 where something fails")
    return Found("python", "ok", version)


def dependencies() -> Found:
    """Whether the packages are there that the installed Portl asks for, in versions that it takes."""
    asked = [found for each in metadata.requires(PACKAGE) or () if (found := _NAME.fullmatch(each)) and not _left_out(found[3])]
    wrong = [said for found in asked if (said := _wrong(found[1], found[2]))]
    if wrong:
        return Found("dependencies", "fail", "; ".join(wrong), f"pip install --upgrade {PACKAGE}", "configuration")
    return Found("dependencies", "ok", f"{len(asked)} packages")


def _left_out(marker: str | None) -> bool:
    """Of an extra; and of markers those that are not of this Python, as far as they are written here."""
    if not marker:
        return False
    bound = re.search(r"python_version\s*<\s*['\"](\d+)\.(\d+)", marker)
    return "extra" in marker or (bound is not None and sys.version_info[:2] >= (int(bound[1]), int(bound[2])))


def _wrong(name: str, bounds: str) -> str:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is not installed"
    mine = _numbers(version)
    holds = {">=": lambda other: mine >= other, "<": lambda other: mine < other, "==": lambda other: mine == other}
    fits = all(holds[how](_numbers(other)) for how, other in _BOUND.findall(bounds))
    return "" if fits else f"{name} {version} is not {bounds.strip()}"


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(each) for each in found[0].split(".")] if found else []
    return tuple([*numbers, 0, 0, 0, 0][:4])


def embedded_server(project: Path) -> Found:
    """Whether the PostgreSQL of `--demo` starts: the project's own, where it has one, else one that goes again."""
    try:
        with ExitStack() as stack:
            if has_data(project):
                stack.enter_context(start_postgres(project))
            else:
                _passing(stack)
    except SetupError as problem:
        return failed("embedded server", "configuration", problem)
    return Found("embedded server", "ok", "starts")


def _passing(stack: ExitStack) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    server = start_postgres(folder)
    base = server.log.parent  # somewhere else than in the folder, where root has started it
    stack.callback(_remove, base)
    stack.enter_context(server)


def _remove(base: Path) -> None:
    """Once the server's supervisor has ended."""
    with (base / "supervisor.lock").open("rb") as ended:
        fcntl.flock(ended, fcntl.LOCK_EX)
    shutil.rmtree(base, ignore_errors=True)


def clock(whose: str, ahead_s: float) -> Found | None:
    """What is said of a clock that this one is so many seconds ahead of (below 0: behind); None where they agree."""
    off = abs(ahead_s)
    if off <= LITTLE_S:
        return None
    said = f"this machine is {off:,.0f} s {'ahead of' if ahead_s > 0 else 'behind'} {whose}"
    mend = "set the clock: turn on NTP, or run `sudo chronyc makestep`"
    return Found("clock", "fail", said, mend, "configuration") if off > FAR_S else Found("clock", "warn", said, mend)


def aws_identity() -> Iterator[Found]:
    """Who AWS says this is."""
    import boto3  # only where it is asked for: to load it takes longer than all the rest
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
        answer = boto3.client("sts", config=config).get_caller_identity()
    except (NoCredentialsError, NoRegionError) as problem:
        kind: Kind = "authentication" if isinstance(problem, NoCredentialsError) else "configuration"
        yield Found(
            "aws", "fail", str(problem), "run `aws configure` or `aws sso login`, or set AWS_PROFILE and AWS_REGION", kind
        )
    except ClientError as problem:
        yield _refused(problem.response["Error"])
    except BotoCoreError as problem:
        said = " ".join(str(problem).split())
        yield Found("aws", "fail", said, "look at the network, the proxy and the region", "network")
    else:
        yield Found("aws", "ok", str(answer["Arn"]))


def _refused(error: dict[str, Any]) -> Found:
    said = f"{error.get('Code')}: {error.get('Message')}"
    if error.get("Code") in _REFUSED:
        return Found("aws", "fail", said, "let the policy allow sts:GetCallerIdentity", "permission")
    return Found("aws", "fail", said, "sign in again: `aws sso login`, or renew the keys", "authentication")
