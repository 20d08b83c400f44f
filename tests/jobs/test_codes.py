"""Every code has its mistake, its rule and its page."""

import importlib
import sys
from pathlib import Path

import pytest

from portl.jobs import CODES

ROOT = Path(__file__).resolve().parents[2]
MISTAKES = Path(__file__).parent / "mistakes"
WITHOUT_A_JOB = {"J000"}
"""Of files that cannot be read and of machines that grow too large: in test_check_command."""


@pytest.fixture(scope="module")
def generate():
    sys.path.insert(0, str(ROOT / "docs"))
    yield importlib.import_module("generate")
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def made(generate):
    return generate.outputs()


def test_every_code_has_a_mistake_and_every_mistake_a_code():
    assert {each.name.split("-")[0] for each in MISTAKES.iterdir()} | WITHOUT_A_JOB == set(CODES)


@pytest.mark.parametrize("name", CODES)
def test_the_file_of_a_codes_rule_names_it(name):
    text = (ROOT / "layers" / "portl" / "portl" / "jobs" / CODES[name].rule).read_text("utf-8")
    assert name in text or (name == "J000" and "cannot be read" in text)


@pytest.mark.parametrize("name", CODES)
def test_a_code_says_its_title_its_cause_and_its_way_out(name):
    code = CODES[name]
    assert (code.title[0].islower() or code.title[0] == "S", code.cause[-1], code.way_out[-1]) == (True, ".", ".")


def test_the_pages_are_those_that_would_be_written_and_no_others(generate, made):
    assert generate.differing(ROOT, made) == []
    pages = {name for name in made if name.startswith("docs/errors/")}
    assert {f"docs/errors/{each.name}" for each in (ROOT / "docs" / "errors").iterdir()} == pages


def test_check_names_what_differs_and_writes_nothing(generate, made, tmp_path, capsys):
    assert generate.main([], tmp_path, made) == 0
    page = tmp_path / "docs" / "errors" / "J209.md"
    page.write_text("another text", "utf-8")
    capsys.readouterr()
    assert generate.main(["--check"], tmp_path, made) == 1
    assert (capsys.readouterr().out, page.read_text("utf-8")) == (
        "docs/errors/J209.md differs: run make docs\n",
        "another text",
    )
    assert (generate.main([], tmp_path, made), generate.main(["--check"], tmp_path, made)) == (0, 0)


@pytest.mark.parametrize("row", ["| M102 | MappingError | cannot be … |", "| V101 | SetupError |", "| L101 | FunctionError |"])
def test_the_index_holds_what_a_run_raises_too(row):
    assert row in (ROOT / "docs" / "errors" / "README.md").read_text("utf-8")
