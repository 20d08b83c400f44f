"""Help, the examples in it, and the reference made of it."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from flows.support import FLOW_A, ROOT, portl
from portl_cli.exit_codes import EXIT_CODES
from portl_cli.main import COMMANDS

HEAVY = ("pydantic", "boto3", "httpx", "pg8000", "jinja2", "yaml", "rich", "jsonata")


def commands(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, ...]]:
    """A command, or those inside it."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands((*path, name), inner)


ALL = [path for name in COMMANDS for path in commands((name,), import_module(f"portl_cli.commands.{name}").command)]


def generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"generator_{name}", ROOT / "docs" / "generators" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example(text: str) -> list[list[str]]:
    """The commands of a help's example."""
    _, found, rest = text.partition("\n  Example:\n")
    assert found, text
    return [shlex.split(line) for line in re.findall(r"^    (portl .+)$", rest.partition("\n\n")[0], re.MULTILINE)]


def expanded(folder: Path, word: str) -> list[str]:
    """What a shell makes of a word with a star; one that fits nothing stays."""
    return sorted(str(path.relative_to(folder)) for path in folder.glob(word)) or [word] if "*" in word else [word]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of this project with a short CSV, where an example may do what it likes."""
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    ignored = shutil.ignore_patterns("__pycache__", ".portl")
    for name in ("functions", "statemachines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    (tmp_path / "layers").symlink_to(ROOT / "layers")
    lines = (FLOW_A / "resources.csv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "resources.csv").write_text("".join(lines[:6]), "utf-8")
    return tmp_path


OLD = """source: {type: csv, path: resources.csv}
destination: {type: postgres, host: 127.0.0.1, database: crm, username: crm, table: people}
schema_mapping: {code: id}
"""
QUEUED = """version: 2
job: order_sync
connections:
  shop: {type: postgres, url: "${env:PG_URL}"}
  notify: {type: http, base_url: "${env:NOTIFY_URL}"}
steps:
  - {id: tell, type: outbox.enqueue, destination: notify, request: {method: PUT, path: /orders/1}}
"""


def queue(folder: Path, query: Any, **variables: str) -> None:
    """A job whose outbox holds one dead message, number 17."""
    job = folder / "statemachines" / "order_sync" / "job.yaml"
    job.parent.mkdir()
    job.write_text(QUEUED, "utf-8")
    ended = portl(folder, "run", str(job), **variables)
    assert ended.code == 0, ended.err
    query("ALTER TABLE portl_outbox ALTER COLUMN id DROP IDENTITY")
    query("UPDATE portl_outbox SET id = 17, state = 'dead'")


def fill_stores(folder: Path) -> None:
    """Two stores beside the project, the first with files."""
    text = "connections:\n  lake: {type: local, root: lake}\n  archive: {type: local, root: archive}\n"
    (folder / "stores.yaml").write_text(text, "utf-8")
    (folder / "archive").mkdir()
    (folder / "lake" / "2026").mkdir(parents=True)
    for name in ("resources.csv", "half.tmp"):
        shutil.copy(folder / "resources.csv", folder / "lake" / "2026" / name)


@pytest.mark.postgres
@pytest.mark.parametrize("path", [(), *ALL], ids=lambda path: " ".join(path) or "portl")
def test_the_example_of_every_help_does_what_it_says(
    scratch: Path, path: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    variables: dict[str, str] = {}
    if path[:1] == ("outbox",):
        variables = {"PG_URL": request.getfixturevalue("postgres_url"), "NOTIFY_URL": request.getfixturevalue("peer").url}
        queue(scratch, request.getfixturevalue("query"), **variables)
    if path[:1] == ("store",):
        fill_stores(scratch)
    if path == ("migrate",):
        (scratch / "old.yaml").write_text(OLD, "utf-8")
    if path == ("doctor",):
        variables = {"PG_URL": request.getfixturevalue("postgres_url"), "NOTIFY_URL": request.getfixturevalue("peer").url}
        request.getfixturevalue("query")((FLOW_A / "schema.sql").read_text("utf-8"))
    shown = portl(scratch, *path, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert portl(scratch, *path, "-h").out == shown.out
    examples = example(shown.out)
    assert examples != []
    for command in examples:
        ended = portl(scratch, *(word for each in command[1:] for word in expanded(scratch, each)), **variables)
        assert ended.code == 0, ended.err
    if path:
        assert any(tuple(command[1 : len(path) + 1]) == path for command in examples)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_an_unknown_option_is_an_error_of_use(tmp_path: Path, path: tuple[str, ...]) -> None:
    ended = portl(tmp_path, *path, "--no-such-option")
    assert (ended.code, ended.out) == (2, "")
    assert "No such option" in ended.err


def test_a_missing_argument_and_an_unknown_command_are_errors_of_use(tmp_path: Path) -> None:
    for arguments, said in ((("run",), "Missing argument 'JOB'"), (("fly",), "No such command 'fly'")):
        ended = portl(tmp_path, *arguments)
        assert (ended.code, ended.out, said in ended.err) == (2, "", True)


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from portl_cli.main import cli; cli.main(['--help'], standalone_mode=False); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert [name for name in COMMANDS if name not in done.stdout] == []


def test_what_help_says_of_a_command_is_what_the_command_says_of_itself() -> None:
    assert {path.stem for path in (ROOT / "cli/portl_cli/commands").glob("[!_]*.py")} == set(COMMANDS)
    for name, about in COMMANDS.items():
        command = import_module(f"portl_cli.commands.{name}").command
        assert (command.name, about.endswith(".")) == (name, True)


@pytest.mark.parametrize("name", ["commands", "pictures"])
def test_what_is_generated_is_what_stands_in_the_documents(name: str) -> None:
    outputs = generator(name).outputs()
    assert {path for path, text in outputs.items() if (ROOT / path).read_text("utf-8") != text} == set()


def test_the_reference_has_every_command_option_and_exit_code() -> None:
    text = generator("commands").outputs()["docs/commands.md"]
    for path in ALL:
        assert f" portl {' '.join(path)}\n" in text
        command = import_module(f"portl_cli.commands.{path[0]}").command
        for inner in path[1:]:
            command = command.get_command(click.Context(command), inner)
        shown = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
        assert [one.opts[-1] for one in shown if one.opts[-1] not in text] == []
    assert [code for code in EXIT_CODES if f"| {code} |" not in text] == []
    assert "Example:" not in text
