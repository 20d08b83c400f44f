"""The runs of this machine as a trigger's overlap policy and cursor see them."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

from portl_cli.commands._event import LocalStarter
from portl_cli.commands._watch import HISTORY


def ended(root: Path, name: str, status: str, started: str, job: str = "sync") -> None:
    (root / name).mkdir()
    (root / name / "run.json").write_text(json.dumps({"job": job}), "utf-8")
    (root / name / "ended.json").write_text(json.dumps({"job": job, "status": status, "started": started}), "utf-8")


def test_the_runs_that_succeeded_are_those_of_the_job_the_newest_first(tmp_path: Path) -> None:
    ended(tmp_path, "sync-a-1", "SUCCEEDED", "2026-11-10T05:00:00Z")
    ended(tmp_path, "sync-b-2", "SUCCEEDED", "2026-11-12T05:00:00Z")
    ended(tmp_path, "sync-c-3", "FAILED", "2026-11-13T05:00:00Z")
    ended(tmp_path, "other-d-4", "SUCCEEDED", "2026-11-14T05:00:00Z", job="other")
    assert list(LocalStarter(tmp_path).succeeded("sync")) == ["sync-b-2", "sync-a-1"]


def test_a_run_goes_on_as_long_as_its_process_holds_its_history(tmp_path: Path) -> None:
    starter = LocalStarter(tmp_path)
    (tmp_path / "sync-a-1").mkdir()
    (tmp_path / "sync-a-1" / "run.json").write_text(json.dumps({"job": "sync"}), "utf-8")
    with (tmp_path / "sync-a-1" / HISTORY).open("wb") as history:
        fcntl.flock(history, fcntl.LOCK_EX)
        assert [starter.is_running("sync", "sync-b-2"), starter.is_running("sync", "sync-a-1")] == [True, False]
        assert starter.is_running("other", "sync-b-2") is False
    assert starter.is_running("sync", "sync-b-2") is False


def test_a_name_begins_a_run_unless_there_was_one_and_a_folder_without_one_is_none(tmp_path: Path) -> None:
    starter = LocalStarter(tmp_path)
    ended(tmp_path, "sync-a-1", "FAILED", "2026-11-10T05:00:00Z")
    (tmp_path / "sync-b-2").mkdir()
    assert [starter.start("sync", name, {}) for name in ("sync-a-1", "sync-b-2", "sync-c-3")] == [False, True, True]
