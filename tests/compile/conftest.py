from __future__ import annotations

from collections.abc import Callable

import pytest

from portl.connections import CONNECTION_TYPES
from portl.jobs import Job, parse_job
from portl.steps import STEP_TYPES

HEAD = """
version: 2
job: example
params: {path: {type: string}, wanted: {type: bool}}
connections:
  db: {type: postgres, url: "${env:PG_URL}"}
  fn: {type: lambda, function: ingestor}
  api: {type: http, base_url: "${env:API_URL}", headers: {Authorization: "Bearer ${secret:api/token}"}}
"""


@pytest.fixture
def job() -> Callable[[str], Job]:
    """A job of the given steps (and transaction), checked: a test of the compiler starts from a job that is right."""

    def read(text: str) -> Job:
        found, findings = parse_job((HEAD + text).encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
        assert findings == []
        assert found is not None
        return found

    return read
