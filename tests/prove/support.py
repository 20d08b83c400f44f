"""Proofs as a user runs them, and small jobs to prove: right ones and wrong ones."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.support import start

THREE = Path(__file__).parent / "three.csv"
"""One key three times: a first version, the next one after a published one, and that one updated."""
PATIENCE_S = 600

FEED = f'''"""The three records of three.csv, as the feed would send them."""

import csv, hashlib, json, pathlib


def handler(event, context):
    records = list(csv.DictReader(pathlib.Path({str(THREE)!r}).open(encoding="utf-8")))
    for record in records:
        record["md5"] = hashlib.md5(record["payload"].encode()).hexdigest()
        record["slug"] = record["name"].lower().replace(" ", "-")
        record["status"] = "published" if json.loads(record["payload"])["final"] else "draft"
    return {{"batch_id": event["batch_id"], "records": records}}
'''


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


@dataclass(frozen=True)
class Workshop:
    """A project for jobs to prove, whose server runs as long as the tests do."""

    root: Path

    def write(self, text: str, schema: str = "", **functions: str) -> Path:
        """A job with its tables, and functions in files beside it."""
        folder = self.root / "statemachines" / f"job_{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        files = {"job.yaml": text, "schema.sql": schema, **{f"{name}.py": code for name, code in functions.items()}}
        for name, content in files.items():
            if content:
                (folder / name).write_text(content, "utf-8")
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
