"""A proof of jobs that touch files: folders stand in the place of their stores, and every effect on a file is a crash point."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flows.support import ROOT
from prove.support import Workshop, prove

pytestmark = pytest.mark.postgres
INTAKE = ROOT / "statemachines" / "file_intake"
ALL = os.environ.get("PORTL_PROVE_ALL") == "1"
JOB = """version: 2
job: filing
connections:
  here: {type: local, root: %s}
  lake: {type: s3, bucket: "${env:LAKE}"}
steps:
  - {id: files, type: store.list, path: "here:in/*.csv"}
  - id: copied
    type: store.copy
    batch: {from: "{{ steps.files.rows }}", as: file, mode: inline}
    from: "{{ file.path }}"
    to: "lake:{{ file.name }}"
  - {id: aside, type: store.move, from: "here:in/*.csv", to: "here:done/{{ file.name }}"}
  - id: told
    type: file.write
    rows: "{{ steps.files.rows }}"
    path: "lake:told.json"
    format: json
    columns: [name, size]
    overwrite: replace
  - {id: gone, type: store.delete, path: "here:in/old.txt"}
"""


def filing(workshop: Workshop, tmp_path: Path) -> Path:
    job = workshop.write(JOB % (tmp_path / "real"))
    begins = job.parent / "demo" / "here" / "in"
    begins.mkdir(parents=True)
    for name in ("a.csv", "b.csv", "old.txt"):
        (begins / name).write_text(f"code\n{name}\n", "utf-8")
    return job


def test_whatever_effect_on_a_file_its_workers_die_at_a_job_leaves_the_same_files(workshop: Workshop, tmp_path: Path) -> None:
    proven = prove(tmp_path, filing(workshop, tmp_path))
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")
    assert len(proven.points) == proven.began["points"]
    assert {point["kind"] for point in proven.points} == {"list", "copy", "move", "write", "delete", "reply"}
    assert proven.began["not_compared"] == []
    assert not (tmp_path / "real").exists(), "what the job's own store leads to is not touched"


def test_a_bucket_that_a_step_names_itself_cannot_be_put_elsewhere(workshop: Workshop, tmp_path: Path) -> None:
    job = workshop.write(JOB.replace('"here:in/old.txt"', '"s3://lake/old.txt"') % tmp_path)
    proven = prove(tmp_path, job)
    assert (proven.code, proven.points) == (3, [])
    assert "V143" in proven.err
    assert "gone touches s3://lake/old.txt" in proven.err


@pytest.mark.long
def test_the_intake_of_a_partners_files_ends_the_same_wherever_its_workers_die(workshop: Workshop, tmp_path: Path) -> None:
    folder = workshop.root / "statemachines" / "intake"
    shutil.copytree(INTAKE, folder)
    proven = prove(tmp_path, folder / "job.yaml", *([] if ALL else ["--points", "24"]))
    assert (proven.told, proven.code, proven.err) == (set(), 0, "")
    assert {point["kind"] for point in proven.points} >= {"list", "statement"}
    assert [each["name"] for each in proven.began["not_compared"]] == ["received_at"]
