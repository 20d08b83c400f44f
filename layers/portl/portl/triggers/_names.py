"""The name of the execution that an event starts: the same event has the same name, and a name runs once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

MOST = 80
"""Characters of an execution's name; others than letters, digits, _ and - are no good for its logs.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""
STAMP = "%Y%m%d%H%M%S"
"""How a name tells a schedule's time, in UTC: as much as fits beside the longest name of a job."""
_DIGITS = 16
_OTHER = re.compile(r"[^A-Za-z0-9_]+")


def execution_name(job: str, trigger: str, identity: Sequence[str], readable: str) -> str:
    """``<job>-<what it is about>-<hash>``: a person knows it by its middle, and the hash is of all that makes the event one."""
    digest = hashlib.sha256(json.dumps([job, trigger, *identity]).encode()).hexdigest()[:_DIGITS]
    left = MOST - len(job) - _DIGITS - 2
    middle = _OTHER.sub("_", readable).strip("_")[-left:].strip("_") or trigger[:left]
    return f"{job}-{middle}-{digest}"


def told(moment: datetime) -> str:
    """A time in UTC as the scheduler tells it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def moment_of(name: str, job: str, trigger: str) -> str | None:
    """The time that a schedule's execution was meant for, out of its name; None of any other execution."""
    found = re.fullmatch(rf"{re.escape(job)}-(\d{{14}})-[0-9a-f]{{{_DIGITS}}}", name)
    if found is None:
        return None
    try:
        time = told(datetime.strptime(found[1], STAMP).replace(tzinfo=UTC))
    except ValueError:
        return None
    return time if execution_name(job, trigger, (time,), found[1]) == name else None
