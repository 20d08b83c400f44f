"""A run under a profile is gone on with under it, or not at all: nothing of a test run touches what the job itself names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flows.support import Ended, portl
from flows.test_files import job, run_id, write

QUICK = ("--host", "inline", "--time-scale", "0.01")
TEXT = """\
version: 2
job: files
connections:
  lake: {type: local, root: "${env:HERE}/lake"}
profiles:
  test:
    lake: {type: local, root: "${env:HERE}/test-lake"}
steps:
  - {id: found, type: store.list, path: "lake:in/*.csv"}
  - id: keep
    type: store.copy
    batch: {from: "{{ steps.found.rows }}", as: file}
    from: "{{ file.path }}"
    to: "lake:out/{{ file.name }}"
    on_error: dead_letter
  - {id: last, type: store.copy, from: "lake:last.csv", to: "lake:out/last.csv"}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    for name in ("lake", "test-lake"):
        write(tmp_path / name / "in", a="x\n1\n")
    return job(tmp_path, TEXT)


def run(tmp_path: Path, *arguments: str, **variables: str) -> Ended:
    return portl(tmp_path, *arguments, **{"HERE": str(tmp_path), **variables})


def again(ended: Ended) -> str:
    return re.findall(r"again +(portl .*)", ended.err)[0]


@pytest.mark.parametrize("by_variable", [False, True], ids=["the flag", "the variable"])
def test_the_command_to_go_on_with_keeps_the_profile_and_leads_back_to_its_stores(
    tmp_path: Path, file: str, *, by_variable: bool
) -> None:
    chosen = ((), {"PORTL_PROFILE": "test"}) if by_variable else (("--profile", "test"), {})
    failed = run(tmp_path, "run", file, *chosen[0], *QUICK, **chosen[1])
    assert again(failed) == f"portl run {file} --resume {run_id(failed)} --profile test"
    kept = json.loads((tmp_path / "runs" / run_id(failed) / "run.json").read_text("utf-8"))
    assert kept["profile"] == "test"
    write(tmp_path / "test-lake", last="x\n9\n")
    ended = run(tmp_path, *again(failed).split()[1:], *QUICK)
    assert ended.code == 0, ended.err
    assert not (tmp_path / "lake" / "out").exists()


def test_a_run_of_another_profile_is_not_gone_on_with(tmp_path: Path, file: str) -> None:
    one, other = run(tmp_path, "run", file, "--profile", "test", *QUICK), run(tmp_path, "run", file, *QUICK)
    plain = run(tmp_path, "run", file, "--resume", run_id(one), *QUICK)
    said = f"R160 {run_id(one)} was made under the profile test, and this is without one; say --profile test"
    way_out = "other places are other work, which a run of its own does"
    assert (plain.code, plain.err) == (2, f"Error: {said}; {way_out}\n")
    under = run(tmp_path, "run", file, "--resume", run_id(other), "--profile", "test", *QUICK)
    assert under.code == 2
    assert f"{run_id(other)} was made without a profile, and this is under test; leave out --profile" in under.err
    replayed = run(tmp_path, "runs", "replay", run_id(one), "--step", "keep", "--item", "1", *QUICK)
    assert replayed.code == 2
    assert "say --profile test" in replayed.err


def test_what_was_kept_aside_is_replayed_under_the_profile_of_its_run(tmp_path: Path, file: str) -> None:
    write(tmp_path / "test-lake", last="x\n9\n")
    taken = write(tmp_path / "test-lake" / "out", a="other\n") / "a.csv"
    first = run(tmp_path, "run", file, "--profile", "test", *QUICK)
    assert first.code == 0, first.err
    shown = run(tmp_path, "runs", "show", run_id(first), "--failed")
    command = f"portl runs replay {run_id(first)} --all-failed --profile test"
    assert f"{command}  does them again" in shown.out
    taken.unlink()
    ended = run(tmp_path, *command.split()[1:], *QUICK)
    assert ended.code == 0, ended.err
    assert taken.read_text("utf-8") == "x\n1\n"
    assert not (tmp_path / "lake" / "out").exists()
