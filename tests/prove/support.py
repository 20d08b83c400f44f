"""Proofs as a user runs them, and small jobs to prove: right ones and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.support import ROOT, start

THREE = Path(__file__).parent / "three.csv"
"""One key three times: a first version, the next one after a published one, and that one updated."""
PATIENCE_S = 600

FEED = '''"""The three records of three.csv, as the feed would send them."""

import csv, hashlib, json, pathlib


def handler(event, context):
    records = list(csv.DictReader(pathlib.Path(%r).open(encoding="utf-8")))
    for record in records:
        record["md5"] = hashlib.md5(record["payload"].encode()).hexdigest()
        record["slug"] = record["name"].lower().replace(" ", "-")
        record["status"] = "published" if json.loads(record["payload"])["final"] else "draft"
    return {"batch_id": event["batch_id"], "records": records}
''' % str(THREE)


@dataclass(frozen=True)
class Proven:
    """What a proof printed with ``--json``, and how it ended."""

    code: int
    err: str
    began: dict[str, Any]
    points: list[dict[str, Any]]
    end: dict[str, Any]

    @property
    def differing(self) -> list[dict[str, Any]]:
        return [point for point in self.points if point["differences"]]

    @property
    def told(self) -> set[str]:
        """Each difference once, as text."""
        return {f"{each['where']}: {each['what']}" for point in self.points for each in point["differences"]}

    def of(self, **fields: Any) -> list[dict[str, Any]]:
        return [point for point in self.points if fields.items() <= point.items()]


def prove(tmp_path: Path, job: Path, *options: str, **variables: str) -> Proven:
    process = start(tmp_path, "prove", str(job), *options, "--json", **variables)
    out, err = process.communicate(timeout=PATIENCE_S)
    events = [json.loads(line) for line in out.splitlines()]
    nothing: dict[str, Any] = {}
    began, end = (
        next((each for each in events if each["event"] == name), nothing) for name in ("proof_started", "proof_ended")
    )
    return Proven(process.returncode, err, began, [each for each in events if each["event"] == "crash_point"], end)


def write_job(tmp_path: Path, name: str, text: str, schema: str = "", functions: Iterable[tuple[str, str]] = ()) -> Path:
    """A job in a project of its own."""
    folder = tmp_path / "project" / "statemachines" / name
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(text, "utf-8")
    if schema:
        (folder / "schema.sql").write_text(schema, "utf-8")
    for file, code in functions:
        (folder / file).write_text(code, "utf-8")
    (tmp_path / "project" / "template.yaml").write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")
    for linked in ("functions", "layers"):
        (tmp_path / "project" / linked).symlink_to(ROOT / linked)
    return folder / "job.yaml"


APPEND = """version: 2
job: append
params: {path: {type: string, required: true}}
run_key: "{{ checksum(params.path) }}"
connections:
  pg_main: {type: postgres, url: "${env:PG_URL}"}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
  - id: note
    type: db.insert
    batch: {from: "{{ steps.read.rows }}", as: row, size: 2}
    table: notes
    mapping: {code: "{{ row.code }}", name: "{{ row.name }}"}
"""
NOTES = "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL, name text NOT NULL);"
