"""What holds of every workflow (bundle.md G2, V5), and the steps of those that build, deploy and release."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.support import ROOT
from portl_cli.engine import load_template
from workflows.runner import Runner, load, make_runner

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
PINNED = re.compile(r"uses: (?:\./\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$")
ZIZMOR = Path(sys.executable).with_name("zizmor")


def named(files: list[Path]) -> list[Any]:
    return [pytest.param(file, id=file.parent.name if file.name == "action.yml" else file.stem) for file in files]


def steps_of(file: Path) -> Iterator[dict[str, Any]]:
    document = load(file)
    for job in document.get("jobs", {"": document.get("runs", {})}).values():
        yield from job.get("steps", ())


@pytest.mark.parametrize("file", named(WORKFLOWS))
def test_a_workflow_may_only_read_and_a_job_asks_for_what_it_needs_beyond(file: Path) -> None:
    workflow = load(file)
    assert workflow["permissions"] == {"contents": "read"}
    asked = [permission for job in workflow["jobs"].values() for permission in job.get("permissions", {}).items()]
    assert {*asked} <= {("contents", "read"), ("id-token", "write")}
    jobs = [job for job in workflow["jobs"].values() if ("id-token", "write") in job.get("permissions", {}).items()]
    assert all("environment" in job or "uses" in job for job in jobs), "an identity is given to an environment's job only"


@pytest.mark.parametrize("file", named([*WORKFLOWS, *ACTIONS]))
def test_every_action_of_others_is_pinned_by_its_commit(file: Path) -> None:
    lines = re.findall(r"uses: .*$", file.read_text("utf-8"), re.MULTILINE)
    assert [line for line in lines if not PINNED.match(line)] == []


@pytest.mark.parametrize("file", named([*WORKFLOWS, *ACTIONS]))
def test_inputs_reach_scripts_through_their_environment_only(file: Path) -> None:
    assert [step["run"] for step in steps_of(file) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("file", named(WORKFLOWS))
def test_no_two_of_one_kind_run_at_once(file: Path) -> None:
    """A workflow that others call says so at its jobs: only there the environment is known."""
    workflow = load(file)
    called = "workflow_call" in workflow[True]  # YAML 1.1 reads `on` as true
    assert all("group" in each["concurrency"] for each in (workflow["jobs"].values() if called else [workflow]))


def zizmor(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ZIZMOR, "--offline", "--quiet", "--no-progress", folder], capture_output=True, text=True, check=False
    )


def test_the_security_linter_finds_nothing() -> None:
    ended = zizmor(GITHUB)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_security_linter_finds_an_input_inside_a_script(tmp_path: Path) -> None:
    folder = tmp_path / ".github"
    shutil.copytree(GITHUB, folder)
    file = folder / "workflows" / "run-job.yml"
    file.write_text(file.read_text("utf-8").replace("ls statemachines", "echo ${{ inputs.job }}"), "utf-8")
    ended = zizmor(folder)
    assert (ended.returncode != 0, "template-injection" in ended.stdout) == (True, True)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return make_runner(tmp_path)


def with_tool(runner: Runner, name: str, script: str) -> Path:
    """Puts a tool of that name before all others; answers the file in which it notes its arguments, a line a call."""
    folder = runner.temp / "tools"
    folder.mkdir(exist_ok=True)
    notes = runner.temp / f"{name}.txt"
    (folder / name).write_text(f'#!/bin/bash\necho "$*" >> {notes}\n{script}\n', "utf-8")
    (folder / name).chmod(0o755)
    runner.environment = {**runner.environment, "PATH": f"{folder}{os.pathsep}{runner.environment['PATH']}"}
    return notes


def bundle(runner: Runner) -> str:
    (runner.workspace / ".aws-sam" / "build").mkdir(parents=True)
    (runner.workspace / ".aws-sam" / "build" / "template.yaml").write_text("built", "utf-8")
    command = ["tar", "--create", "--gzip", "--dereference", "--file", "bundle.tar.gz", ".aws-sam/build"]
    subprocess.run(command, cwd=runner.workspace, check=True)
    shutil.rmtree(runner.workspace / ".aws-sam")
    return hashlib.sha256((runner.workspace / "bundle.tar.gz").read_bytes()).hexdigest()


VARIABLES = {"AWS_DEPLOY_ROLE": "arn:role", "AWS_CLOUDFORMATION_ROLE": "arn:cloudformation"}


def deploy(runner: Runner, sha256: str, *, dry_run: bool) -> Runner:
    with_tool(runner, "python", "exit 0 # the tools of AWS are not installed here")
    inputs = {"environment": "stg", "dry_run": dry_run, "sha256": sha256}
    return runner.job(GITHUB / "workflows" / "deploy-to.yml", "deploy", inputs, vars=VARIABLES)


@pytest.mark.parametrize(("dry_run", "more"), [(True, " --no-execute-changeset"), (False, "")])
def test_a_deployment_takes_what_was_built_and_a_dry_run_stops_at_the_change_set(
    runner: Runner, dry_run: bool, more: str
) -> None:
    notes = with_tool(runner, "sam", 'cat .aws-sam/build/template.yaml; echo " <change set>"')
    deploy(runner, bundle(runner), dry_run=dry_run)
    assert not runner.failed, [step.out for step in runner.steps]
    asked = "deploy --config-env stg --template-file .aws-sam/build/template.yaml --no-confirm-changeset"
    assert notes.read_text("utf-8") == f"{asked} --no-fail-on-empty-changeset --role-arn arn:cloudformation{more}\n"
    assert runner.summary == "### stg\n\n    built <change set>\n"
    role = next(step for step in runner.steps if step.name.startswith("aws-actions/configure-aws-credentials@"))
    assert role.given["role-to-assume"] == "arn:role"


def test_a_deployment_that_fails_fails_its_job_and_shows_why(runner: Runner) -> None:
    with_tool(runner, "sam", "echo no such bucket >&2; exit 1")
    deploy(runner, bundle(runner), dry_run=False)
    assert (runner.failed, runner.summary) == (True, "### stg\n\n    no such bucket\n")


def test_nothing_is_deployed_of_a_bundle_that_is_not_what_was_built(runner: Runner) -> None:
    notes = with_tool(runner, "sam", "exit 0")
    sha256 = bundle(runner)
    with (runner.workspace / "bundle.tar.gz").open("ab") as file:
        file.write(b"more")
    deploy(runner, sha256, dry_run=False)
    assert (runner.failed, notes.exists(), (runner.workspace / ".aws-sam").exists()) == (True, False, False)


def dist(runner: Runner) -> str:
    folder = runner.workspace / "dist"
    folder.mkdir()
    for name in ("portl_serverless-1-py3-none-any.whl", "portl_serverless-1.tar.gz"):
        (folder / name).write_text(name, "utf-8")
    return "\n".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in sorted(folder.iterdir()))


RELEASE = GITHUB / "workflows" / "release.yml"


@pytest.mark.parametrize("job", ["test-pypi", "pypi"])
def test_both_indexes_get_what_was_built_and_what_was_changed_or_added_since_goes_to_none(tmp_path: Path, job: str) -> None:
    for at, (spoil, published) in enumerate(((None, True), ("portl_serverless-1.tar.gz", False), ("other.whl", False))):
        folder = tmp_path / str(at)
        folder.mkdir()
        runner = make_runner(folder)
        sha256 = dist(runner)
        if spoil:
            (runner.workspace / "dist" / spoil).write_text("changed", "utf-8")
        runner.job(RELEASE, job, {}, needs={"build": {"outputs": {"sha256": sha256}}})
        names = [step.name.partition("@")[0] for step in runner.steps]
        assert ("pypa/gh-action-pypi-publish" in names, runner.failed) == (published, not published)


def test_the_second_index_waits_for_the_first_and_for_approval() -> None:
    jobs = load(RELEASE)["jobs"]
    assert jobs["pypi"]["needs"] == ["build", "test-pypi"]
    assert (jobs["test-pypi"]["environment"]["name"], jobs["pypi"]["environment"]["name"]) == ("testpypi", "pypi")


def step_named(file: Path, name: str) -> dict[str, Any]:
    return next(step for step in steps_of(file) if step.get("name") == name)


@pytest.mark.parametrize(("tag", "fails"), [("v{version}", False), ("v9.9.9", True), ("$(touch pwned)", True)])
def test_a_tag_that_is_not_the_version_is_not_released(runner: Runner, tag: str, fails: bool) -> None:
    (runner.workspace / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    version = re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[0]
    step = step_named(RELEASE, "The tag is the version")
    runner.shell = "bash"
    runner._run([step], {"github": {"ref_name": tag.format(version=version)}})
    assert (runner.failed, (runner.workspace / "pwned").exists()) == (fails, False), runner.steps[-1].out


def test_the_checksums_of_what_was_built_are_passed_on(runner: Runner) -> None:
    wanted = dist(runner)
    runner.shell = "bash"
    outputs = runner._run([step_named(RELEASE, "Keep the checksums")], {})
    assert outputs["sums"]["outputs"]["sha256"] == wanted


def test_the_smoke_test_invokes_functions_with_their_events_and_names_those_that_fail(runner: Runner) -> None:
    script = 'if [[ "$*" == *CsvRead* ]]; then echo \'{"errorType": "Permanent"}\'; elif [[ "$*" == *Feed* ]]; then exit 1; fi'
    notes = with_tool(runner, "sam", script)
    file = GITHUB / "workflows" / "sam-smoke.yml"
    runner.shell = "bash"
    runner._run([next(step for step in steps_of(file) if "sam local invoke" in step.get("run", ""))], {})
    asked = [line.split() for line in notes.read_text("utf-8").splitlines()]
    assert [words[:2] + words[5:] for words in asked] == [
        ["local", "invoke", "--env-vars", "tests/events/env.json"] for _ in asked
    ]
    functions = {function.name: function.code_dir.name for function in load_template(ROOT / "template.yaml").functions.values()}
    assert [(words[2], words[4]) for words in asked] == [
        (words[2], f"tests/events/{functions[words[2]]}.json") for words in asked
    ]
    assert runner.failed
    assert [line for line in runner.steps[-1].out.splitlines() if line.startswith("::")] == [
        "::error file=tests/events/csv_read.json,title=sam-smoke::CsvReadFunction failed",
        "::error file=tests/events/feed.json,title=sam-smoke::FeedFunction failed",
    ]
