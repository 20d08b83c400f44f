"""``--param NAME=VALUE`` and ``--param @FILE``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.support import START, Ended, environment, portl

JOB = """version: 2
job: reads
params:
  path: {type: string, required: true}
  limit: {type: int, default: 5}
  tags: {type: list, default: []}
  since: {type: date}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "statemachines" / "reads"
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(JOB, "utf-8")
    (tmp_path / "in.csv").write_text("code\nA\n", "utf-8")
    return folder / "job.yaml"


def run(job: Path, *params: str) -> Ended:
    given = [word for param in params for word in ("--param", param)]
    return portl(job.parents[2], "run", str(job), *given, "--host", "inline")


def kept(folder: Path) -> Any:
    return json.loads(next(folder.glob("runs/reads-*/run.json")).read_text("utf-8"))["params"]


def test_a_file_gives_parameters_with_their_types(job: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"path": "in.csv", "limit": 7, "tags": ["a", "ü"], "since": null}', "utf-8")
    ended = run(job, "@p.json")
    assert (ended.code, kept(tmp_path)) == (0, {"path": "in.csv", "limit": 7, "tags": ["a", "ü"], "since": None}), ended.err


def test_what_is_named_later_counts(job: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"path": "other.csv", "limit": 7}', "utf-8")
    ended = run(job, "@p.json", "path=in.csv")
    assert (ended.code, kept(tmp_path)["path"], kept(tmp_path)["limit"]) == (0, "in.csv", 7), ended.err


def test_parameters_come_from_standard_input_too(job: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, "run", str(job), "--param", "@-", "--host", "inline"]
    given = {"input": '{"path": "in.csv"}', "env": environment(tmp_path, {}), "cwd": tmp_path}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **given)
    assert (ended.returncode, kept(tmp_path)["path"]) == (0, "in.csv"), ended.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "p.json cannot be read: No such file or directory"),
        ("{path: in.csv}", "p.json is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('["in.csv"]', 'p.json holds no JSON object, such as {"path": "in.csv"}'),
    ],
)
def test_a_file_that_holds_no_parameters_is_refused(job: Path, tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "p.json").write_text(content, "utf-8")
    ended = run(job, "@p.json")
    assert (ended.code, ended.err.splitlines()[-1]) == (2, f"Error: Invalid value for --param: {told}")


def test_a_file_is_checked_against_what_the_job_declares(job: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"path": "in.csv", "limits": 7}', "utf-8")
    ended = run(job, "@p.json")
    assert (ended.code, ended.err.splitlines()[-1]) == (
        2,
        'Error: R103 the job has no parameter "limits"; did you mean "limit"?',
    )
