"""What the README and the documents say is run here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.support import portl
from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import NAMES, STEP_TYPES
from portl_cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = [
    (path.name, number, text)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize(("file", "number", "text"), BLOCKS)
def test_every_job_in_the_documents_is_right(file: str, number: int, text: str) -> None:
    job, findings = parse_job(text.encode(), f"{file}#{number}", STEP_TYPES, CONNECTION_TYPES)
    assert (findings, job is not None) == ([], True)


def test_the_readme_names_every_command_and_the_documents_every_step_type() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`portl {name}" not in readme] == []
    jobs = (ROOT / "docs" / "jobs.md").read_text("utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in jobs] == []


def test_the_example_of_every_commands_help_is_a_command_that_exists(tmp_path: Path) -> None:
    for name in COMMANDS:
        ended = portl(tmp_path, name, "--help")
        examples = re.findall(r"^ +portl (\S+)(.*)$", ended.out.partition("Example:\n")[2], re.MULTILINE)
        own = [rest for word, rest in examples if word == name]
        assert (ended.code, own != []) == (0, True)
        options = re.findall(r"--[a-z-]+", "".join(own))
        assert [option for option in options if option not in ended.out.split("Options:")[1]] == []
