"""Every command of docs/deploy.md: its syntax, that what it names exists, and those that need no AWS are run."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import click
import pytest
from botocore import xform_name

from flows.support import FLOW_A, ROOT, portl, read_records, write_records
from portl_cli.main import cli
from workflows.runner import lay_out

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
HERE = [command for command in COMMANDS if command.startswith("portl ") and "--on aws" not in command]
SAM = {
    "validate": {"--lint"},
    "build": set(),
    "deploy": {"--no-execute-changeset"},
    "delete": {"--stack-name", "--no-prompts"},
    "logs": {"--stack-name", "--tail"},
}
"""https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-command-reference.html"""
OF_EVERY_AWS_COMMAND = {"--query", "--output", "--region", "--max-items"}
HIGH_LEVEL = {("s3", "cp"): set(), ("cloudformation", "deploy"): {"--template-file", "--capabilities", "--parameter-overrides"}}
"""Commands of AWS's CLI that are no operation of a service."""


def words_of(command: str) -> list[str]:
    """The words of a command; what the shell puts in, as one word."""
    return shlex.split(re.sub(r"\$\(.*\)", "…", command))


def inner(command: str) -> list[str]:
    """The commands inside ``$(…)``."""
    return re.findall(r"\$\((.*)\)", command)


EVERY = [*COMMANDS, *(each for command in COMMANDS for each in inner(command))]


def options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one_that_a_shell_reads(command: str) -> None:
    ended = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("command", EVERY)
def test_every_command_is_of_a_tool_that_is_known_here(command: str) -> None:
    words = words_of(command)
    known = {"portl": known_to_portl, "sam": known_to_sam, "aws": known_to_aws, "git": known_to_git, "export": lambda _: set()}
    missing = known[words[0]](words[1:])
    assert missing == set()


def known_to_portl(words: list[str]) -> set[str]:
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    return options(words) - {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}


def known_to_sam(words: list[str]) -> set[str]:
    return options(words) - SAM[words[0]]


def known_to_git(words: list[str]) -> set[str]:
    assert words[0] == "switch"
    return options(words) - {"--detach"}


@cache
def service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def known_to_aws(words: list[str]) -> set[str]:
    """The options that neither the operation of the service has, as botocore describes it, nor every command."""
    name, operation = words[:2]
    given = options(words) - OF_EVERY_AWS_COMMAND
    if (name, operation) in HIGH_LEVEL:
        return given - HIGH_LEVEL[name, operation] - {"--stack-name"}
    model = service({"s3api": "s3"}.get(name, name))
    operations = {xform_name(each, "-"): each for each in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    members = {f"--{xform_name(each, '-')}" for each in (shape.members if shape else ())}
    required = {f"--{xform_name(each, '-')}" for each in (shape.required_members if shape else ())}
    return (given - members) | (required - given)


@pytest.mark.parametrize("wrong", ["aws ssm put-parameter --nam x", "portl run job --onn aws", "sam deploy --no-execute"])
def test_a_command_with_an_option_that_does_not_exist_would_be_found(wrong: str) -> None:
    with pytest.raises(AssertionError):
        test_every_command_is_of_a_tool_that_is_known_here(wrong)


def test_the_commands_that_need_no_aws_are_run_in_their_order(tmp_path: Path) -> None:
    lay_out(tmp_path)
    write_records(tmp_path / "short.csv", read_records(FLOW_A / "resources.csv")[:40])
    for command in HERE:
        words = words_of(command.replace("path=statemachines/resource_sync/resources.csv", "path=short.csv"))[1:]
        if words == ["build"]:  # `build --check` has compared what it would write
            continue
        ended = portl(tmp_path, *words)
        assert ended.code == 0, f"{command}: {ended.err}"
    assert len(HERE) >= 6


def test_the_table_of_refusals_has_every_code_that_a_run_on_aws_can_end_with() -> None:
    raised = {
        code
        for file in (ROOT / "cli" / "portl_cli" / "commands" / "_on_aws").glob("*.py")
        for code in re.findall(r'code="(V1[67]\d)"', file.read_text("utf-8"))
    }
    assert raised == set(re.findall(r"^\| (V1\d\d) ", PAGE, re.MULTILINE))


def test_every_file_that_the_page_leads_to_is_there() -> None:
    named = re.findall(r"\]\((?!https:)([^)#]+)", PAGE) + [
        "../" + each for each in re.findall(r"\.github/[\w/.-]+\.yaml", PAGE)
    ]
    assert [each for each in named if not (ROOT / "docs" / each).exists()] == []


def test_the_roles_of_the_account_are_right_for_cloudformation() -> None:
    """cfn-lint, which comes with moto, reads the template as CloudFormation would."""
    cfnlint = pytest.importorskip("cfnlint.api")
    text = (ROOT / ".github" / "aws" / "roles.yaml").read_text("utf-8")
    found = cfnlint.lint(text, regions=["eu-central-1"])
    assert [str(each) for each in found] == []


def test_whoever_runs_jobs_may_do_what_a_run_asks_and_nothing_else() -> None:
    text = (ROOT / ".github" / "aws" / "roles.yaml").read_text("utf-8").partition("RunRole:")[2].partition("Outputs:")[0]
    allowed = set(re.findall(r"(states:\w+|cloudformation:\w+)", text))
    asked = {
        action
        for file in (ROOT / "cli" / "portl_cli" / "commands" / "_on_aws").glob("*.py")
        for action in re.findall(r'told\("((?:states|cloudformation):\w+)"\)', file.read_text("utf-8"))
    }
    assert allowed == asked
