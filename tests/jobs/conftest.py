"""A good job to bend, and the way from its text to what is found in it."""

from __future__ import annotations

import textwrap

import pytest

from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES

GOOD = """\
version: 2
job: sync
params:
  path: {type: string, required: true}
  since: {type: date}
run_key: "{{ checksum(params.path) }}"
connections:
  pg: {type: postgres, url: "${env:PG_URL}"}
  fn: {type: lambda, function: ingestor}
  api: {type: http, base_url: "${env:API}", headers: {Authorization: "${secret:api/token}"}}
transaction: {scope: db, connection: pg}
steps:
  - {id: read_csv, type: csv.read, path: "{{ params.path }}"}
  - id: enrich
    type: lambda.invoke
    batch: &each {from: "{{ steps.read_csv.rows }}", as: row}
    payload: {code: "{{ row.code }}", place: "{{ idx }}", run: "{{ run.id }}"}
    retry: {max_attempts: 4}
  - id: resource
    type: db.upsert
    batch: *each
    table: resources
    key: [code]
    mapping: {code: "{{ row.code }}", md5: "{{ steps.enrich[idx].md5 }}"}
  - id: version
    type: conditional
    batch: *each
    if: "{{ steps.resource[idx].was_inserted }}"
    then:
      - {id: add, type: db.insert, table: versions, mapping: {resource: "{{ steps.resource[idx].id }}"}}
    else:
      - {id: change, type: db.update, table: versions, set: {md5: "{{ row.md5 }}"}, where: {code: "{{ row.code }}"}}
  - id: tell
    type: api.call
    batch: *each
    method: POST
    path: /resources
    json: {id: "{{ steps.resource[idx].id }}"}
"""


def parse(text, file="job.yaml", folder=None):
    raw = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    return parse_job(raw, file, STEP_TYPES, CONNECTION_TYPES, functions={"ingestor", "feed"}, folder=folder)


@pytest.fixture(name="parse")
def parse_fixture():
    return parse


@pytest.fixture
def good():
    return GOOD


@pytest.fixture
def places():
    """The findings of a job's text, each as ``line:column CODE``."""
    return lambda text: [f"{each.line}:{each.column} {each.code}" for each in parse(text)[1]]
