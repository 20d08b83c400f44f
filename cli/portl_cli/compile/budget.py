"""Stage 2: how large the state can get, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from portl.errors import JobError
from portl.jobs import Job
from portl_cli.compile.lowering import lowered
from portl_cli.compile.packaging import standing
from portl_cli.compile.segments import Branch, Chunks, Decision, Items, Segment, Single, Staged, Transaction, Unit

BOUND_BYTES = 64 * 1024
"""A job that could pass this is refused; Step Functions ends an execution at 256 KiB where no Catch can see it."""
RUN_BYTES = 100
ROWS_BYTES = 400
COUNT_BYTES = 6
MAX_CHUNKS = 10_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The largest payload of any Task, in bytes, and the step it belongs to; the largest result of a Map."""

    payload_bytes: int
    step: str
    map_result_bytes: int


def budget(job: Job, segments: Iterable[Segment]) -> Budget:
    """The bound of a job.

    Raises:
        JobError: it could pass 64 KiB; the message names the step.
    """
    sizes = [size for segment in segments for size in _sizes(job, segment)]
    largest, step = max(sizes, default=(0, ""))
    result = MAX_CHUNKS * COUNT_BYTES if any(isinstance(each, Chunks | Staged) for each in segments) else 0
    if largest > BOUND_BYTES:
        raise JobError(f'the step "{step}" takes {largest:,} bytes in the state machine, at most {BOUND_BYTES:,} are safe')
    return Budget(largest, step, result)


def _sizes(job: Job, segment: Segment | Unit) -> list[tuple[int, str]]:
    match segment:
        case Items():
            return [(RUN_BYTES + len(segment.expression.encode()), segment.id)]
        case Single():
            return [(_size(job, [segment]), segment.step.id)]
        case Transaction():
            return [(_size(job, [segment]), segment.unit)]
        case Staged():
            return [(_size(job, [segment.transaction]), segment.transaction.unit)]
        case Chunks():
            return [size for unit in segment.units for size in _sizes(job, unit)]
        case Branch() | Decision():
            inner = [size for _, parts in segment.branches for part in parts for size in _sizes(job, part)]
            return [(_size(job, [Single(segment.step)]), segment.step.id), *inner]


def _size(job: Job, parts: list[Single | Transaction]) -> int:
    steps = [step for part in parts for step in ((part.step,) if isinstance(part, Single) else part.steps)]
    specs = json.dumps([standing(lowered(job, step, nested=True)) for step in steps], ensure_ascii=False)
    return RUN_BYTES + ROWS_BYTES + len(specs.encode()) + len(json.dumps(job.connections).encode())
