"""``portl runs show --format``: a run's end as Markdown and as GitHub's finding, whatever stands in the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from portl_cli.main import cli

RUN = "sync-20260101T000000-aaaa"
MACHINE = {
    "StartAt": "read",
    "States": {"read": {"Type": "Task", "Arguments": {"Payload": {"step": {"id": "read"}}}, "End": True}},
}
FAILURE = {
    "code": "M102",
    "message": "born cannot be date: 'x'",
    "hint": "correct it",
    "where": "person (db.upsert), record 3",
    "job": {"file": "jobs/people/job.yaml", "line": 12, "column": 7},
}


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Shows a run that ended so in a form."""
    monkeypatch.chdir(tmp_path)

    def show(form: str, *, machine: bool = True, **more: Any) -> str:
        folder = tmp_path / "runs" / RUN
        folder.mkdir(parents=True, exist_ok=True)
        document = {"run": RUN, "job": "sync", "status": "SUCCEEDED", "seconds": 3.25, "records": 3500, "transitions": 25}
        document |= {"usd": 0.000625, "lines": ["", "  records 3,500"], "failure": None}
        (folder / "ended.json").write_text(json.dumps(document | more), "utf-8")
        if machine:
            (folder / "machine.asl.json").write_text(json.dumps(MACHINE), "utf-8")
        env = {"PORTL_RUNS": str(tmp_path / "runs")}
        ended = CliRunner(env=env).invoke(cli, ["runs", "show", RUN, "--format", form], catch_exceptions=False)
        assert ended.exit_code == 0, ended.stderr
        return ended.stdout

    return show


def test_markdown_has_a_heading_the_figures_the_last_words_and_the_picture(shown: Any) -> None:
    assert shown("markdown", machine=False) == (
        f"### sync: done\n\n`{RUN}`: took 3.2 s, records 3,500, state transitions 25, on AWS about $0.0006\n\n"
        "```text\n  records 3,500\n```\n"
    )
    assert "<summary>The state machine</summary>\n\n```mermaid\nflowchart TD\n" in shown("markdown")


def test_what_a_record_holds_stays_inside_its_block(shown: Any) -> None:
    told = shown("markdown", status="FAILED", lines=["failed", "  cause   ```", "# <img src=x>", "````"], machine=False)
    assert told.endswith("`````text\nfailed\n  cause   ```\n# <img src=x>\n````\n`````\n")


def test_a_run_that_failed_is_a_finding_at_its_line_of_the_job(shown: Any) -> None:
    assert shown("github", status="FAILED", failure=FAILURE) == (
        "::error file=jobs/people/job.yaml,line=12,col=7,title=M102"
        "::failed in person (db.upsert), record 3: born cannot be date: 'x'%0Acorrect it\n"
    )


def test_what_a_record_holds_is_no_command_of_the_runner(shown: Any) -> None:
    hostile = {**FAILURE, "message": "x\n::add-mask::y\r%", "job": {"file": "a,b:c\n::d.yaml", "line": 1, "column": 1}}
    told = shown("github", status="FAILED", failure=hostile)
    assert told.count("\n") == 1
    assert told.startswith("::error file=a%2Cb%3Ac%0A%3A%3Ad.yaml,line=1,col=1,title=M102::failed in person")
    assert "x%0A::add-mask::y%0D%25%0A" in told


def test_a_failure_whose_place_is_not_known_is_told_without_one(shown: Any) -> None:
    bare = {"code": "", "message": "Stopped: by hand", "hint": "", "where": "", "job": {"file": "job.yaml"}}
    assert shown("github", status="FAILED", failure=bare) == "::error file=job.yaml::failed: Stopped: by hand\n"


@pytest.mark.parametrize("status", ["SUCCEEDED", "INTERRUPTED"])
def test_a_run_that_did_not_fail_is_no_finding(shown: Any, status: str) -> None:
    assert shown("github", status=status) == ""
