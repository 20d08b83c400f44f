"""What keeps the house whole: what a handler loads, and what stands where."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from portl.steps import NAMES
from portl_cli.engine import load_template

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("boto3", "httpx", "pg8000", "yaml")
ALLOWED = {
    "api_call": set(),
    "batch_items": set(),
    "conditional": set(),
    "csv_read": set(),
    "lambda_invoke": set(),
    "db_upsert": set(),
    "db_transaction": set(),
    "db_stage": set(),
    "db_commit": set(),
}


def loaded(code: str) -> set[str]:
    told = f"import sys; {code}; print(*sorted(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_handler_loads_no_driver_before_its_step_needs_one(folder: str) -> None:
    assert loaded(f"sys.path.insert(0, 'functions/{folder}'); import app") <= ALLOWED[folder] | {"yaml"}


def test_every_step_type_has_a_function_and_every_function_its_resource() -> None:
    folders = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
    resources = {function.code_dir.name for function in load_template(ROOT / "template.yaml").functions.values()}
    assert folders == resources
    assert {name.replace(".", "_") for name in NAMES} <= folders


def test_handlers_are_short() -> None:
    lines = {path.parent.name: len(path.read_text("utf-8").splitlines()) for path in ROOT.glob("functions/*/app.py")}
    assert {name for name, count in lines.items() if count > 20} == {"feed", "ingestor"}


def test_every_error_code_raised_belongs_to_one_letter_of_the_tree() -> None:
    tree = (ROOT / "layers/portl/portl/errors.py").read_text("utf-8")
    letters = set(re.findall(r"\b([A-Z])\d(?:xx|\d\d)\b", tree))
    raised = {
        code[0]
        for path in ROOT.glob("layers/portl/portl/**/*.py")
        for code in re.findall(r'code="([A-Z]\d{3})"', path.read_text("utf-8"))
    }
    assert raised <= letters | {"J"}
