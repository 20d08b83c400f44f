"""What the README and the documents say is run here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.support import portl
from portl.connections import CONNECTION_TYPES
from portl.jobs import load_stores, parse_job
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


def test_the_stores_files_in_the_documents_are_right(tmp_path: Path) -> None:
    blocks = re.findall(r"```yml\n(.*?)```", (ROOT / "docs" / "jobs.md").read_text("utf-8"), re.DOTALL)
    file = tmp_path / "stores.yaml"
    for text in blocks:
        file.write_text(text, "utf-8")
        declared = load_stores(file)
        assert {name for stores in declared.profiles.values() for name in stores} <= declared.connections.keys()
    assert len(blocks) == 1


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


def collected(folder: str) -> set[str]:
    """The tests of a folder as pytest names them."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        folder,
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "long or not long",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return {line for line in ended.stdout.splitlines() if "::" in line}


def test_every_test_that_the_table_of_promises_leads_to_exists_and_runs_on_that_kind_of_store() -> None:
    page = (ROOT / "docs" / "stores.md").read_text("utf-8")
    links = re.findall(r'\]\(\.\./(\S+) "(\S+?)::(\S+?)(?: -k (\w+))?"\)', page)
    tests = collected("tests/stores")
    missing = []
    for path, file, name, kind in links:
        own = [test for test in tests if re.match(rf"{re.escape(file)}::{name}(\[|$)", test)]
        if path != file or not [test for test in own if not kind or re.search(rf"[\[-]{kind}[-\]]", test)]:
            missing.append((file, name, kind))
    assert (missing, len(links) > 100) == ([], True)


@pytest.mark.parametrize("page", ["stores.md", "writing-a-store-driver.md", "performance.md"])
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", (ROOT / "docs" / page).read_text("utf-8"))
    assert [link for link in links if not (ROOT / "docs" / link.partition("#")[0]).exists()] == []
    assert links
