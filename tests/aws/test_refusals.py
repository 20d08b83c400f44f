"""What AWS, its absence or the command line refuses: a code, a cause, a way out, and exit 3 for the environment."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from aws.fake_aws import KEYS, FakeAws
from flows.support import ROOT, Ended, portl, project, records, write_records
from portl.errors import SetupError
from portl_cli.commands._on_aws.account import Account
from portl_cli.commands._on_aws.running import run_name, start
from portl_cli.commands._on_aws.stack import Stack, _same
from portl_cli.commands._project import compiled


@pytest.fixture
def job(tmp_path: Path) -> Path:
    write_records(tmp_path / "in.csv", records(3, keys=3))
    return project(tmp_path)


def run(job: Path, variables: Mapping[str, str], *options: str) -> Ended:
    folder = job.parents[3]
    home = {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
    return portl(folder, "run", str(job), "--param", "path=in.csv", "--on", "aws", *options, **{**home, **variables})


def test_without_credentials_it_says_how_to_have_some(job: Path) -> None:
    ended = run(job, {"AWS_REGION": "eu-central-1", "PORTL_STACK": "s"})
    assert (ended.code, ended.err.splitlines()) == (
        3,
        [
            "V160 there are no AWS credentials: Unable to locate credentials",
            "  log in (aws sso login), export AWS_PROFILE or the keys, or give the GitHub job a role",
        ],
    )


def test_without_a_region_it_asks_for_one(job: Path) -> None:
    ended = run(job, {name: value for name, value in KEYS.items() if name != "AWS_REGION"}, "--stack", "s")
    assert (ended.code, ended.err.splitlines()[0]) == (3, "V161 no AWS region is chosen")


def test_a_profile_that_is_not_there_is_told(job: Path) -> None:
    ended = run(job, {"AWS_PROFILE": "nobody", "AWS_REGION": "eu-central-1", "PORTL_STACK": "s"})
    assert (ended.code, ended.err.splitlines()[0]) == (
        3,
        "V160 there are no AWS credentials: The config profile (nobody) could not be found",
    )


def test_an_aws_that_cannot_be_reached_is_told(job: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ended = run(job, {**KEYS, "AWS_ENDPOINT_URL": url, "PORTL_STACK": "s", "AWS_MAX_ATTEMPTS": "1"})
    assert (ended.code, ended.err.split(":")[0]) == (3, "V166 AWS cannot be reached (sts"), ended.err


def test_a_job_that_was_never_deployed_is_told(job: Path, aws: FakeAws) -> None:
    ended = run(job, aws.variables())
    assert (ended.code, ended.err.split(": ")[0]) == (3, "V163 there is no such state machine"), ended.err
    assert ended.err.splitlines()[1] == "  deploy the job: portl build && sam build && sam deploy; --stack names another stack"


@pytest.mark.parametrize(
    ("action", "refusal", "code"),
    [
        ("DescribeStateMachine", "AccessDeniedException", "V164"),
        ("StartExecution", "AccessDeniedException", "V164"),
        ("StartExecution", "ExpiredTokenException", "V160"),
        ("StartExecution", "ExecutionLimitExceeded", "V168"),
        ("GetExecutionHistory", "AccessDeniedException", "V164"),
    ],
)
def test_what_aws_refuses_is_told_with_its_words(job: Path, aws: FakeAws, action: str, refusal: str, code: str) -> None:
    aws.deploy(job, PG_URL="postgresql://127.0.0.1:1/none", NOTIFY_URL="http://127.0.0.1:1")
    aws.refuse[action] = refusal, "User: arn:aws:iam::123456789012:user/me is not authorized"
    ended = run(job, aws.variables(), "--time-scale", "0.01")
    refused = next(line for line in ended.err.splitlines() if line.startswith("V1"))
    assert (ended.code, refused[:4], "arn:aws:iam::123456789012:user/me" in refused) == (3, code, True), ended.err


def test_a_name_stands_for_one_execution(job: Path, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.deploy(job, PG_URL="postgresql://127.0.0.1:1/none", NOTIFY_URL="http://127.0.0.1:1")
    for name, value in aws.variables().items():
        monkeypatch.setenv(name, value)
    _, found = compiled(job)
    stack = Stack(aws.stack, Account())
    start(stack, found, "one", {"path": "in.csv"})
    with pytest.raises(SetupError) as refused:
        start(stack, found, "one", {"path": "other.csv"})
    assert (refused.value.code, refused.value.hint) == ("V165", "its name stands for one run only; follow it with --follow")


def test_what_is_deployed_must_be_the_job_as_it_is_here_unless_that_is_said(job: Path, aws: FakeAws) -> None:
    aws.deploy(job, PG_URL="postgresql://127.0.0.1:1/none", NOTIFY_URL="http://127.0.0.1:1")
    project(job.parents[3], {"max_attempts: 4": "max_attempts: 5"})
    ended = run(job, aws.variables())
    assert (ended.code, aws.asked["StartExecution"]) == (3, 0)
    assert ended.err == (
        f"V167 the state machine {aws.stack}-resource_sync is not this job as it is here\n"
        "  deploy it: portl build && sam build && sam deploy; or run what is deployed with --deployed\n"
    )
    assert (run(job, aws.variables(), "--deployed", "--no-wait").code, aws.asked["StartExecution"]) == (0, 1)


def test_a_dry_run_shows_what_would_be_started_and_starts_nothing(job: Path, aws: FakeAws) -> None:
    aws.deploy(job)
    ended = run(job, aws.variables(), "--dry-run", "--new-key")
    assert (ended.code, aws.asked["StartExecution"]) == (0, 0), ended.err
    assert ended.out == (
        f"would start arn:aws:states:eu-central-1:123456789012:stateMachine:{aws.stack}-resource_sync\n"
        '  input   {"path": "in.csv", "$new_key": true}\nnothing was started\n'
    )


def test_a_run_that_is_not_there_cannot_be_followed_and_leaves_nothing_here(job: Path, aws: FakeAws) -> None:
    aws.deploy(job)
    folder = job.parents[3]
    ended = portl(folder, "run", str(job), "--on", "aws", "--follow", "resource_sync-1", **aws.variables())
    assert (ended.code, ended.err.split(": ")[0]) == (3, "V169 there is no such execution"), ended.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--on", "aws", "--demo"), "--demo is for a run on this machine"),
        (("--on", "aws", "--isolate"), "--isolate is for a run on this machine"),
        (("--stack", "s"), "--stack is for a run with --on aws"),
        (("--no-wait",), "--no-wait is for a run with --on aws"),
        (("--on", "aws", "--follow", "r", "--no-wait"), "--follow only looks at a run: leave out what would start one"),
        (("--on", "aws", "--param", "pth=x"), 'R103 the job has no parameter "pth"; did you mean "path"?'),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_asked(
    job: Path, options: tuple[str, ...], told: str
) -> None:
    ended = portl(job.parents[3], "run", str(job), *options)
    assert (ended.code, ended.err.splitlines()[-1]) == (2, f"Error: {told}")


def test_the_stack_is_that_of_samconfig_when_none_is_told(job: Path, aws: FakeAws) -> None:
    file = job.parents[2] / "samconfig.toml"
    variables = {name: value for name, value in aws.variables().items() if name != "PORTL_STACK"}
    ended = run(job, variables)
    assert (ended.code, ended.err.splitlines()[-1]) == (2, f"Error: name the stack with --stack: {file} has none")
    file.write_text(f'version = 0.1\n[default.global.parameters]\nstack_name = "{aws.stack}"\n', "utf-8")
    assert f"{aws.stack}-resource_sync" in run(job, variables).err
    file.write_text("version 0.1", "utf-8")
    ended = run(job, variables)
    assert (ended.code, ended.err.split(":")[0]) == (3, f"V170 {file} is not TOML")


def test_nothing_of_aws_is_loaded_for_a_run_on_this_machine() -> None:
    code = "import sys; import portl_cli.commands.run; print([m for m in ('boto3', 'botocore') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout == "[]\n"


def test_the_name_of_an_execution_is_one_that_aws_takes() -> None:
    assert (len(run_name("j" * 100)), len(run_name("job"))) == (80, len("job-20260101T000000-ffff"))


def test_definitions_are_compared_but_for_the_functions_that_stand_in_the_deployed_one() -> None:
    here = {"States": {"a": {"Resource": "${AArn}", "Comment": "x ${AArn} y", "n": [1, True]}}}
    arn = "arn:aws:lambda:eu-central-1:1:function:a"
    there = {"States": {"a": {"Resource": arn, "Comment": f"x {arn} y", "n": [1, True]}}}
    assert _same(here, there)
    for wrong in ({**there, "Comment": ""}, {"States": {"a": {**there["States"]["a"], "n": [1]}}}, {"States": {}}):
        assert not _same(here, wrong)
