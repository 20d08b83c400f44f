"""Chunks that are under way together share the rate of a step (jobs.md S5: rate)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.compile import compile_job

JOB = """\
version: 2
job: j
params: {items: {type: list}}
connections:
  api: {type: http, base_url: "http://127.0.0.1:1"}
steps:
  - {id: first, type: api.call, path: /a, rate: 10/s}
  - {id: many, type: api.call, batch: {from: "{{ params.items }}", as: it, CONCURRENCY}, path: /b, rate: 10/s}
  - id: choose
    type: conditional
    batch: {from: "{{ params.items }}", as: it, CONCURRENCY}
    if: "{{ it.big }}"
    then: [{id: big, type: api.call, path: /c, rate: {requests: 3, per_s: 2}}]
"""


@pytest.mark.parametrize(("batch", "chunks"), [("concurrency: 4", 4), ("concurrency: 1", 1), ("size: 9", 10)])
def test_each_of_the_chunks_under_way_together_has_its_share(batch: str, chunks: int) -> None:
    job, findings = parse_job(JOB.replace("CONCURRENCY", batch).encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert job is not None, findings
    assert dict(rates(compile_job(job, lambda _: 60).definition)) == {
        "first": {"requests": 10, "per_s": 1.0},
        "many": {"requests": 10, "per_s": 1.0 * chunks},
        "big": {"requests": 3, "per_s": 2.0 * chunks},
    }


def rates(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        if "rate" in value:
            yield value["id"], value["rate"]
        for item in value.values():
            yield from rates(item)
    elif isinstance(value, list):
        for item in value:
            yield from rates(item)
