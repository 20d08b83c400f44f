"""The name of the execution that an event starts: the same event has the same name, and a name runs once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

MOST = 80
"""Characters of an execution's name; others than letters, digits, _ and - are no good for its logs.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""
_DIGITS = 16
_OTHER = re.compile(r"[^A-Za-z0-9_]+")


def execution_name(job: str, trigger: str, identity: Sequence[str], readable: str) -> str:
    """``<job>-<what it is about>-<hash>``: a person knows it by its middle, and the hash is of all that makes the event one."""
    digest = hashlib.sha256(json.dumps([job, trigger, *identity]).encode()).hexdigest()[:_DIGITS]
    left = MOST - len(job) - _DIGITS - 2
    middle = _OTHER.sub("_", readable).strip("_")[-left:].strip("_") or trigger[:left]
    return f"{job}-{middle}-{digest}"
