"""The schema as ``portl schema`` prints it, and a job that writes every key there is."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from portl.jobs._yaml import read_yaml
from portl_cli.schema import job_schema

EVERY_KEY = """\
version: 2
job: every_key
description: every key of every model, once
params:
  path: {type: string, required: true, description: the file}
  since: {type: date, default: 2026-01-01}
run_key: "{{ checksum(params.path) }}"
connections:
  pg: {type: postgres, url: "${env:PG_URL}", sslmode: require, sslrootcert: ca.pem, connect_timeout_s: 5}
  fn: {type: lambda, function: ingestor, region: eu-central-1}
  api: {type: http, base_url: "${env:API}", headers: {Authorization: "${secret:t}"}, timeout_s: 5, max_connections: 4}
  here: {type: local, root: data, durable: false, timeout_s: 5, retry: {attempts: 2, base_s: 0.1, max_s: 1, deadline_s: 5}}
  lake:
    type: s3
    bucket: lake-raw
    prefix: in
    region: eu-central-1
    endpoint: http://127.0.0.1:9000
    access_key_id: "${env:LAKE_KEY}"
    secret_access_key: "${secret:lake/key}"
    session_token: "${secret:lake/token}"
    virtual_host: false
  partner:
    type: sftp
    host: sftp.example.org
    port: 2222
    user: portl
    host_key: ssh-ed25519 AAAA
    password: "${secret:partner/password}"
    private_key: "${secret:partner/key}"
    passphrase: "${secret:partner/passphrase}"
    root: out
    max_connections: 2
    keepalive_s: 10
  vault:
    type: azure
    account: vaulted
    container: in
    prefix: raw
    endpoint: http://127.0.0.1:10000/vaulted
    account_key: "${secret:vault/key}"
    sas_token: "${secret:vault/sas}"
profiles:
  local: {lake: {type: local, root: lake}}
transaction: {scope: db, connection: pg, external: inline, staging: false}
steps:
  - id: read_csv
    type: csv.read
    path: "{{ params.path }}"
    for_each: "{{ [params] }}"
    dialect: {delimiter: ";", quote: "'", header: true}
    columns: [code]
    types: {count: int}
    encoding: utf-8
    max_record_bytes: 1000
    compression: zip
    member: in.csv
    file_column: file
    allow_empty: true
    ranges: never
  - id: enrich
    type: lambda.invoke
    connection: fn
    save_as: enriched
    when: "{{ row.code is not none }}"
    batch: {from: "{{ steps.read_csv.rows }}", as: row, size: 10, concurrency: 2, mode: inline}
    retry: {max_attempts: 4, backoff_ms: 100, retry_on: [transient]}
    on_error: fail
    sample: {md5: abc}
    payload: {code: "{{ row.code }}"}
    invocation: request
    concurrency: 3
  - id: resource
    type: db.upsert
    table: public.resources
    key: [code]
    mapping:
      code:
        from: "{{ params.path }}"
        type: text
        transforms: [trim, {substring: [0, 5]}]
        default: x
        required: true
        on_error: fail
      plain: "{{ params.path }}"
      number: 5
      nested: {a: {b: [1, null]}}
    update_columns: [plain]
    conflict: merge_newer
    newer_by: number
  - id: choose
    type: conditional
    if: "{{ params.since is none }}"
    then:
      - {id: add, type: db.insert, table: t, mapping: {a: 1}}
      - id: deeper
        type: conditional
        if: "{{ true }}"
        then: [{id: one, type: db.query_one, sql: "SELECT :a", params: {a: 1}}]
    else:
      - {id: set, type: db.update, table: t, set: {a: 1}, where: {b: 2}}
      - {id: own, type: db.update, table: t, sql: "UPDATE t SET a = :a", params: {a: 1}}
  - {id: many, type: db.query_many, sql_file: many.sql, params: {}}
  - id: call
    type: api.call
    connection: api
    method: POST
    timeout_s: 5
    path: /x
    headers: {X-Id: "{{ run.id }}"}
    query: {page: 1}
    json: {a: 1}
    expect: [200]
    idempotency_key: k
    concurrency: 2
  - {id: text, type: api.call, url: "https://example.org", body: text}
  - {id: form, type: api.call, path: /y, form: {a: 1}}
  - id: written
    type: file.write
    path: "lake:out/{{ part }}.csv.zst"
    rows: "{{ steps.read_csv.rows }}"
    format: csv
    columns: {code: "{{ row.code }}", plain: 5}
    dialect: {delimiter: ";", quote: "'", header: true}
    compression: zstd
    parts: {records: 1000, manifest: "lake:out/manifest.json"}
    overwrite: if_different
    content_type: text/csv
  - {id: page, type: file.write, path: o.txt, rows: [{a: 1}], format: text, template: "{{ row.a }}", header: h, footer: f}
  - {id: names, type: file.write, path: o.json, rows: [{a: 1}], format: json, columns: [a]}
  - {id: ready, type: store.wait, path: "partner:out/*.csv", stable_s: 5, timeout_s: 600, every_s: 10}
  - {id: found, type: store.list, path: "partner:out", recursive: true}
  - id: fetch
    type: store.copy
    batch: {from: "{{ steps.found.rows }}", as: file}
    from: "{{ file.path }}"
    to: "lake:in/{{ file.name }}"
    overwrite: if_different
    verify: full
    parallel: 2
    etag: "{{ file.etag }}"
  - {id: away, type: store.move, from: "partner:out/*.csv", to: "partner:done/", overwrite: replace, verify: size}
  - {id: seen, type: store.exists, path: "lake:in/a.csv"}
  - {id: link, type: store.sign, path: "lake:in/a.csv", method: GET, expires_s: 60}
  - {id: clean, type: store.delete, path: "lake:tmp", recursive: true, missing_ok: false}
  - {id: read_one, type: csv.read, path: "lake:in/a.csv", version: "{{ params.path }}", etag: '"a"'}
  - {id: keep_one, type: store.copy, from: "lake:in/a.csv", to: "lake:kept/", version: "{{ params.path }}"}
triggers:
  - id: dropped
    type: s3
    bucket: "${env:DROPS}"
    prefix: drop/
    suffix: .csv
    params: {path: "{{ event.uri }}"}
    retry: {max_attempts: 3, max_age_s: 600}
  - {id: landed, type: s3, store: lake, prefix: new/, params: {path: "{{ event.address }}"}}
  - id: nightly
    type: schedule
    expression: rate(1 day)
    timezone: Europe/Berlin
    overlap: queue
    window_minutes: 15
    params: {path: in.csv}
  - {id: told, type: event, pattern: {source: [partner]}, bus: partners, params: {path: "{{ event.detail.path }}"}}
"""


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    return job_schema()


@pytest.fixture(scope="session")
def refused(schema: dict[str, Any]) -> Any:
    """What the schema has against a job's text or value: ``(path, message)``, in the order of the places."""
    validator = Draft7Validator(schema)

    def find(job: Any) -> list[tuple[tuple[Any, ...], str]]:
        value = read_yaml(job).value if isinstance(job, str) else job
        return sorted(((tuple(each.absolute_path), each.message) for each in validator.iter_errors(value)), key=repr)

    return find


@pytest.fixture
def every_key() -> str:
    return EVERY_KEY
