"""Where a relative root begins, and what becomes of one that is not there: a command in the wrong folder must not end green."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import preloaded
from flows.support import Ended, environment

STORES = "connections:\n  lake: {type: local, root: data}\n"
JOB = """\
version: 2
job: look
connections:
  own: {type: local, root: mine}
steps:
  - {id: found, type: store.list, path: "lake:*.csv"}
  - {id: keep, type: store.copy, from: "lake:*.csv", to: "own:kept/"}
"""
QUICK = ("--host", "inline", "--json")


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "statemachines" / "look" / "job.yaml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(JOB, "utf-8")
        (folder / "stores.yaml").write_text(STORES, "utf-8")

    def portl(self, at: Path, *arguments: str, **variables: str) -> Ended:
        ended = preloaded.run(arguments, at, environment(self.folder.parent, variables), timeout=120)
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


def fill(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("x\n1\n", "utf-8")


def steps(ended: Ended) -> Any:
    return json.loads(ended.out.splitlines()[-1])["summary"]["steps"]


@pytest.mark.parametrize("where", [".", "statemachines", "../elsewhere"])
def test_a_relative_root_is_in_the_project_whatever_folder_a_command_is_called_in(
    project: Project, elsewhere: Path, where: str
) -> None:
    fill(project.folder / "data")
    at = (project.folder / where).resolve()
    at.mkdir(exist_ok=True)
    ended = project.portl(at, "run", str(project.file), *QUICK)
    assert ended.code == 0, ended.err
    assert steps(ended) == {"found": {"listed": 1}, "keep": {"copied": 1}}
    assert (project.folder / "mine" / "kept" / "a.csv").is_file()
    assert [*elsewhere.iterdir()] == []
    listed = project.portl(at, "store", "ls", "lake:", "own:kept", "--project", str(project.folder), "--job", str(project.file))
    assert (listed.code, listed.out) == (0, "lake:a.csv\nown:kept/a.csv\n")


def test_a_root_that_a_variable_says_begins_in_the_project_too(project: Project, elsewhere: Path) -> None:
    fill(project.folder / "other")
    ended = project.portl(elsewhere, "store", "ls", "lake:", "--project", str(project.folder), PORTL_STORE_LAKE__ROOT="other")
    assert ended == Ended(0, "lake:a.csv\n", "")


@pytest.mark.parametrize("host", ["inline", "workers"])
def test_a_job_over_a_root_that_is_not_there_fails_and_says_so(project: Project, elsewhere: Path, host: str) -> None:
    ended = project.portl(elsewhere, "run", str(project.file), "--host", host)
    assert ended.code == 1
    assert f"F101 lake:*.csv: the folder {project.folder / 'data'} is not there" in ended.err
    assert "make it, or look whether root is spelt right" in ended.err


@pytest.mark.parametrize("address", ["lake:", "lake:*.csv", "lake:2026/", "lake:**/*"])
def test_what_is_in_a_root_that_is_not_there_is_an_error(project: Project, address: str) -> None:
    ended = project.portl(project.folder, "store", "ls", address)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("F101 ")


@pytest.mark.parametrize("source", ['path: "lake:*.csv"', 'path: "lake:*.csv", allow_empty: true'])
def test_csv_read_takes_no_missing_root_for_no_files(project: Project, source: str) -> None:
    project.file.write_text(f"version: 2\njob: look\nsteps:\n  - {{id: read, type: csv.read, {source}}}\n", "utf-8")
    ended = project.portl(project.folder, "run", str(project.file), "--host", "inline")
    assert ended.code == 1
    assert f"the folder {project.folder / 'data'} is not there" in ended.err


def test_writing_makes_the_root_and_one_that_is_there_may_be_empty(project: Project) -> None:
    (project.folder / "in.csv").write_text("x\n1\n", "utf-8")
    assert project.portl(project.folder, "store", "cp", "in.csv", "lake:2026/").code == 0
    assert (project.folder / "data" / "2026" / "in.csv").is_file()
    (project.folder / "mine").mkdir()
    (project.folder / "data" / "2026" / "in.csv").unlink()
    assert project.portl(project.folder, "store", "ls", "lake:2026/").out == ""
    ended = project.portl(project.folder, "run", str(project.file), *QUICK)
    assert (ended.code, steps(ended)["found"]) == (0, {"listed": 0})


def test_a_plan_whose_first_step_makes_the_root_can_go_on(project: Project) -> None:
    fill(project.folder / "data")
    text = JOB + '  - {id: again, type: store.list, path: "own:kept/*.csv"}\n'
    project.file.write_text(text, "utf-8")
    ended = project.portl(project.folder, "plan", str(project.file))
    assert ended.code == 0, ended.err
