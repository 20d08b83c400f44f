"""The stages one behind the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portl.jobs import Job
from portl_cli.compile.asl import machine
from portl_cli.compile.budget import Budget, budget
from portl_cli.compile.iam import functions_of
from portl_cli.compile.segments import Segment, segments


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the compiler made of a job."""

    job: Job
    segments: tuple[Segment, ...]
    budget: Budget
    definition: dict[str, Any]
    functions: tuple[str, ...]
    specs: Mapping[str, str]
    """The specs that stand beside the machine, in files: SHA-256 → content."""


def compile_job(job: Job, timeout_s: Callable[[str], int]) -> Compiled:
    """Compiles a checked job; ``timeout_s`` gives a function's timeout in seconds by its folder.

    Raises:
        JobError: its state could grow too large.
    """
    found = segments(job)
    bound = budget(job, found)
    definition, specs = machine(job, found, timeout_s)
    return Compiled(job, found, bound, definition, functions_of(definition), specs)


def definition_text(definition: dict[str, Any]) -> str:
    """The text of ``<job>.asl.json``: the same for the same job, always."""
    return json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
