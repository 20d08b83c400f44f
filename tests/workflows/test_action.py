"""The composite action and ``run-job.yml``, their steps executed as the runner would (bundle.md G1, G3)."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from aws.lab import Lab
from flows.support import FLOW_A, ROOT
from workflows.runner import Runner, make_runner

ACTION = ROOT / ".github" / "actions" / "portl"
RUN_JOB = ROOT / ".github" / "workflows" / "run-job.yml"
READS = """version: 2
job: reads
params: {path: {type: string, required: true}}
connections: {}
steps:
  - {id: read, type: csv.read, path: "{{ params.path }}"}
"""
HOSTILE = (
    "\"; touch pwned; ' touch pwned; $(touch pwned) `touch pwned` ${{ inputs.job }} **/*\ntouch pwned\n",
    "x\n::add-mask::run\nrun=other\ncode=0\nrun<<END",
    "--help",
)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return make_runner(tmp_path)


def reads(runner: Runner, change: tuple[str, str] = ("", "")) -> str:
    """A job that needs no server, in a repository that holds nothing else."""
    folder = runner.workspace / "jobs" / "reads"
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(READS.replace(*change), "utf-8")
    return "jobs/reads/job.yaml"


def file(runner: Runner, name: str) -> str:
    (runner.workspace / name).write_text("code\nA\nB\n", "utf-8")
    return json.dumps({"path": name})


def test_another_repository_runs_a_job_with_its_file_and_its_parameters(runner: Runner) -> None:
    outputs = runner.action(ACTION, {"job": reads(runner), "params": file(runner, "in.csv")})
    assert not runner.failed, [step.out for step in runner.steps]
    assert outputs["code"] == "0"
    assert re.fullmatch(r"reads-\d{8}T\d{6}-[0-9a-f]{4}", outputs["run"])
    assert (Path(outputs["runs"]) / outputs["run"] / "index.html").is_file()
    assert runner.summary.startswith(f"### reads: done\n\n`{outputs['run']}`: took ")
    assert "  read  csv.read       2 read\n" in runner.summary
    assert "```mermaid\nflowchart TD\n" in runner.summary


def test_a_job_that_is_wrong_is_told_at_its_file_and_line_and_not_run(runner: Runner) -> None:
    outputs = runner.action(ACTION, {"job": reads(runner, ("params.path", "params.pth"))})
    told = [line for step in runner.steps for line in step.out.splitlines() if line.startswith("::error")]
    assert len(told) == 1
    assert told[0].startswith("::error file=jobs/reads/job.yaml,line=6,col=")
    assert (runner.failed, outputs["code"], runner.summary) == (True, "", "")


@pytest.mark.long
def test_a_run_that_fails_fails_the_job_and_tells_where(runner: Runner) -> None:
    (runner.workspace / "in.csv").write_text('code\n"never closed\n', "utf-8")
    outputs = runner.action(ACTION, {"job": reads(runner), "params": '{"path": "in.csv"}'})
    assert (runner.failed, outputs["code"]) == (True, "1")
    assert runner.summary.startswith("### reads: failed\n")
    last = runner.steps[-1].out
    assert last.startswith("::error file=jobs/reads/job.yaml,line=6,col="), last
    assert ",title=C102::failed in read (csv.read), in.csv line 2: " in last


@pytest.mark.long
def test_what_the_environment_lacks_is_told_in_the_summary(runner: Runner) -> None:
    outputs = runner.action(ACTION, {"job": "statemachines/resource_sync", "params": '{"path": "in.csv"}'})
    assert (runner.failed, outputs["code"], outputs["run"] == "") == (True, "3", True), runner.steps[-1].out
    assert "    V101 " in runner.summary
    assert "```mermaid\n" in runner.summary


@pytest.mark.parametrize("text", [HOSTILE[0], *(pytest.param(text, marks=pytest.mark.long) for text in HOSTILE[1:])])
def test_a_parameter_reaches_the_job_as_it_was_written_and_nothing_else(runner: Runner, text: str) -> None:
    name = text.replace("/", "|")
    outputs = runner.action(ACTION, {"job": reads(runner), "params": file(runner, name)})
    assert (outputs["code"], runner.failed) == ("0", False), runner.steps[-1].out
    kept = json.loads((Path(outputs["runs"]) / outputs["run"] / "run.json").read_text("utf-8"))
    assert kept["params"] == {"path": name}
    assert not (runner.workspace / "pwned").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, marks=() if (name, text) == ("params", HOSTILE[0]) else pytest.mark.long)
        for name in ("job", "params", "where", "stack", "resume")
        for text in HOSTILE
    ],
)
def test_no_input_is_read_as_a_command(runner: Runner, name: str, text: str) -> None:
    given = {"job": reads(runner), "params": file(runner, "in.csv"), name: text}
    outputs = runner.action(ACTION, given)
    assert (runner.failed, outputs["run"]) == (True, ""), runner.steps[-1].out
    assert outputs["code"] in ("", "2", "3")
    assert not (runner.workspace / "pwned").exists()
    said = "\n".join(step.out for step in runner.steps)
    commands = [line for line in outside_of_stops(said) if line.lstrip().startswith("::")]
    assert [line for line in commands if not line.startswith("::error file=")] == []


def outside_of_stops(text: str) -> list[str]:
    """The lines that the runner looks at for commands."""
    found, token = [], ""
    for line in text.splitlines():
        if token:
            token = "" if line == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        else:
            found.append(line)
    return found


@pytest.mark.long
def test_run_job_runs_a_job_of_the_repository_on_the_runner(runner: Runner) -> None:
    inputs = {"job": "resource_pull", "environment": "local", "params": '{"batch_id": "2026-11"}', "dry_run": False}
    runner.job(RUN_JOB, "here", {"wait": True, "resume": "", **inputs})
    assert not runner.failed, [step.out for step in runner.steps]
    assert runner.summary.startswith("### resource_pull: done\n")
    uploaded = runner.steps[-1]
    assert uploaded.name.startswith("actions/upload-artifact@")
    assert list(Path(uploaded.given["path"]).glob("resource_pull-*/index.html"))


@pytest.mark.long
def test_run_job_shows_a_dry_run_and_its_picture(runner: Runner) -> None:
    params = '{"path": "statemachines/resource_sync/resources.csv"}'
    inputs = {"job": "resource_sync", "environment": "local", "params": params, "dry_run": True, "wait": True, "resume": ""}
    runner.job(RUN_JOB, "here", inputs)
    assert not runner.failed, [step.out for step in runner.steps]
    assert "    plan of resource_sync: nothing is written, nothing is sent\n" in runner.summary
    assert "```mermaid\nflowchart TD\n" in runner.summary


@pytest.mark.parametrize("job", ["../../etc", "resource_sync; touch pwned", "$(touch pwned)", "resource_sync\n", "-rf", ""])
@pytest.mark.parametrize("where", ["here", "on-aws"])
def test_run_job_takes_only_a_job_of_the_repository(runner: Runner, job: str, where: str) -> None:
    environment = "local" if where == "here" else "stg"
    inputs = {"job": job, "environment": environment, "params": "{}", "dry_run": False, "wait": True, "resume": ""}
    runner.job(RUN_JOB, where, inputs)
    assert (runner.failed, [step.code for step in runner.steps if step.name]) == (True, [0, 2])
    assert not (runner.workspace / "pwned").exists()


def test_run_job_leads_each_environment_to_its_own_job(runner: Runner) -> None:
    inputs = {"job": "resource_sync", "environment": "prod"}
    assert runner.job(RUN_JOB, "here", inputs).steps == []


@pytest.mark.long
def test_where_the_python_at_hand_has_no_portl_the_one_of_this_commit_is_installed(runner: Runner) -> None:
    """Without a network: the interpreter is one that notes what it is asked, and then has the Portl of these tests."""
    tools, notes = runner.temp / "tools", runner.temp / "python.txt"
    tools.mkdir()
    real = Path(sys.executable)
    made = f'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; ln -s {real.with_name("portl")} "$3/bin/portl"'
    script = f'#!/bin/bash\nif [[ $* == *portl_cli* ]]; then exit 1; fi\nif [[ $1 == -m ]]; then echo "$0 $*" >> {notes}; fi\n'
    script += f'if [[ $2 == venv ]]; then {made}; elif [[ $1 == -c ]]; then {real} "$@"; fi\n'
    (tools / "python").write_text(script, "utf-8")
    (tools / "python").chmod(0o755)
    runner.environment = {**runner.environment, "PATH": f"{tools}:{runner.environment['PATH']}"}
    outputs = runner.action(ACTION, {"job": reads(runner), "params": file(runner, "in.csv")})
    assert (outputs["code"], runner.failed) == ("0", False), [step.out for step in runner.steps]
    own = runner.temp / "portl"
    assert notes.read_text("utf-8").splitlines() == [
        f"{tools}/python -m venv {own}",
        f"{own}/bin/python -m pip install --quiet --disable-pip-version-check {ACTION}/../../..",
    ]


@pytest.mark.long
def test_with_aws_it_starts_the_deployed_machine_and_its_summary_is_the_same(lab: Lab, tmp_path: Path, query: Any) -> None:
    lab.deploy()
    query((FLOW_A / "schema.sql").read_text("utf-8"))
    (tmp_path / "github").mkdir()
    runner = make_runner(tmp_path / "github", **lab.aws.variables())
    params = json.dumps({"path": str(lab.file)})
    outputs = runner.action(ACTION, {"job": str(lab.job), "params": params, "where": "aws", "stack": lab.aws.stack})
    assert (outputs["code"], runner.failed) == ("0", False), [step.out for step in runner.steps]
    assert lab.aws.execution(outputs["run"]).endswith(f":{outputs['run']}")
    assert runner.summary.startswith(f"### resource_sync: done\n\n`{outputs['run']}`: took ")
    assert "  records 12\n" in runner.summary
    begun = runner.action(ACTION, {"job": str(lab.job), "params": params, "where": "aws", "wait": "false"})
    assert (begun["code"], runner.failed) == ("0", False)
    assert f"    run {begun['run']}\n" in runner.summary
