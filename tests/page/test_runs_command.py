"""``portl runs``: the runs of a machine, and one of them again."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.support import Ended
from portl_cli.main import cli


def portl(tmp_path: Path, *arguments: str, **variables: str) -> Ended:
    """The command in this process: these tests ask it many small questions."""
    ended = CliRunner(env={"PORTL_RUNS": str(tmp_path / "runs"), **variables}).invoke(cli, arguments)
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kept(root: Path, run: str, **more: Any) -> Path:
    """The folder of a run that has ended."""
    folder = root / run
    folder.mkdir(parents=True)
    document = {
        "run": run,
        "job": "sync",
        "status": "SUCCEEDED",
        "seconds": 3.25,
        "records": 3500,
        "lines": ["  records 3,500"],
    }
    (folder / "ended.json").write_text(json.dumps(document | more), "utf-8")
    (folder / "index.html").write_text("<p>", "utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    kept(root, "sync-20260101T000000-aaaa", started="2026-01-01T00:00:00+00:00")
    kept(
        root,
        "sync-20260102T000000-abcd",
        started="2026-01-02T00:00:00+00:00",
        status="FAILED",
        seconds=61,
        lines=["failed in x"],
    )
    (root / "pull-20260103T000000-ffff").mkdir()
    (root / "specs").mkdir()
    return root


def test_runs_are_listed_newest_first_and_what_is_no_run_is_left_out(tmp_path: Path, runs: Path) -> None:
    ended = portl(tmp_path, "runs", "list")
    assert (ended.code, ended.out.splitlines()) == (
        0,
        [
            "run                        job   status       started                       took  records",
            "pull-20260103T000000-ffff  pull  not started  -                                -        -",
            "sync-20260102T000000-abcd  sync  failed       2026-01-02 00:00:00 UTC  1 min 1 s    3,500",
            "sync-20260101T000000-aaaa  sync  done         2026-01-01 00:00:00 UTC      3.2 s    3,500",
        ],
    )


def test_the_list_is_cut_and_is_there_for_programs(tmp_path: Path, runs: Path) -> None:
    ended = portl(tmp_path, "runs", "list", "--limit", "2", "--json")
    assert json.loads(ended.out)[1:] == [
        {
            "run": "sync-20260102T000000-abcd",
            "job": "sync",
            "status": "FAILED",
            "started": "2026-01-02T00:00:00+00:00",
            "seconds": 61,
            "records": 3500,
            "folder": str(runs / "sync-20260102T000000-abcd"),
        }
    ]


def test_the_runs_of_another_project_are_found_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "other" / "statemachines").mkdir(parents=True)
    kept(tmp_path / "other" / ".portl" / "runs", "sync-20260101T000000-aaaa")
    ended = portl(tmp_path, "runs", "list", "--project", "other", "--json", PORTL_RUNS="")
    assert [run["run"] for run in json.loads(ended.out)] == ["sync-20260101T000000-aaaa"]


def test_a_project_without_runs_says_so(tmp_path: Path) -> None:
    listed, shown = portl(tmp_path, "runs", "list"), portl(tmp_path, "runs", "show", "last")
    assert (listed.code, listed.out, "no runs in runs" in listed.err) == (0, "", True)
    assert (shown.code, "there are no runs in" in shown.err) == (2, True)


@pytest.mark.parametrize("run", ["last", "sync-20260102", "sync-20260102T000000-abcd"])
def test_a_run_is_shown_as_it_said_at_its_end_by_its_id_or_the_beginning_of_it(tmp_path: Path, runs: Path, run: str) -> None:
    ended = portl(tmp_path, "runs", "show", run)
    page = "runs/sync-20260102T000000-abcd/index.html"
    assert (ended.code, ended.out) == (0, f"run sync-20260102T000000-abcd: failed\nfailed in x\n  run page {page}\n")
    assert portl(tmp_path, "runs", "show", run, "--open-path").out == f"{tmp_path / page}\n"
    document = json.loads(portl(tmp_path, "runs", "show", run, "--json").out)
    assert (document["status"], document["page"]) == ("FAILED", str(tmp_path / page))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("sync-2026", "2 runs begin with sync-2026: sync-20260102T000000-abcd, sync-20260101T000000-aaaa"),
        ("sync-20260102T000000-abce", "the nearest are sync-20260102T000000-abcd, sync-20260101T000000-aaaa"),
        ("specs", "there is no run specs"),
        ("../runs", "there is no run ../runs"),
    ],
)
def test_an_unknown_or_ambiguous_run_is_an_error_of_use_that_names_the_nearest(
    tmp_path: Path, runs: Path, run: str, said: str
) -> None:
    ended = portl(tmp_path, "runs", "show", run)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True), ended.err


def test_a_run_that_is_under_way_is_told_from_one_that_was_killed(tmp_path: Path, runs: Path) -> None:
    for run in ("sync-20260104T000000-1111", "sync-20260105T000000-2222"):
        (runs / run).mkdir()
        (runs / run / "history.jsonl").write_text('{"id": 1, "previ', "utf-8")
    with (runs / "sync-20260104T000000-1111" / "history.jsonl").open() as history:
        fcntl.flock(history, fcntl.LOCK_EX)
        listed = {run["run"]: run["status"] for run in json.loads(portl(tmp_path, "runs", "list", "--json").out)}
        without = portl(tmp_path, "runs", "show", "sync-20260104", "--open-path")
    assert (listed["sync-20260104T000000-1111"], listed["sync-20260105T000000-2222"]) == ("RUNNING", "KILLED")
    assert (without.code, "has no page: it is running" in without.err) == (2, True)
    killed = portl(tmp_path, "runs", "show", "sync-20260105")
    assert (killed.code, "killed" in killed.out, (runs / "sync-20260105T000000-2222" / "index.html").is_file()) == (
        0,
        True,
        True,
    )
