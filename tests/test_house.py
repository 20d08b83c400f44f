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
HEAVY = ("backports.zstd", "boto3", "httpx", "pg8000", "xlsxwriter", "yaml")
ALLOWED = {
    "api_call": set(),
    "batch_items": set(),
    "conditional": set(),
    "csv_read": set(),
    "file_write": set(),
    "lambda_invoke": set(),
    "db_upsert": set(),
    "db_transaction": set(),
    "db_stage": set(),
    "db_commit": set(),
}


def loaded(code: str, looked_for: tuple[str, ...] = HEAVY) -> set[str]:
    told = f"import sys; {code}; print(*sorted(name for name in {looked_for!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_handler_loads_no_driver_before_its_step_needs_one(folder: str) -> None:
    assert loaded(f"sys.path.insert(0, 'functions/{folder}'); import app") <= ALLOWED[folder] | {"yaml"}


SLOW_TO_LOAD = ("aws_lambda_powertools", "boto3", "httpx", "jinja2", "jsonata", "pg8000", "pydantic", "rich", "yaml")
JOB = "statemachines/resource_sync/job.yaml"


@pytest.mark.parametrize(
    ("start", "needed"),
    [
        ("import portl_cli.main", set()),
        ("import portl_cli.embedded._peer_server", set()),
        ("import portl_cli.engine._processes.nursery", {"yaml"}),
        ("import portl.outbox, portl_cli.engine._handler", {"jinja2", "pydantic", "yaml"}),
        (
            f"from portl_cli.main import cli; cli(['check', '{JOB}'], standalone_mode=False)",
            {"jinja2", "jsonata", "pydantic", "yaml"},
        ),
    ],
    ids=["portl --help", "a peer", "the process that forks workers", "a function", "portl check"],
)
def test_a_start_loads_only_what_it_needs(start: str, needed: set[str]) -> None:
    assert loaded(start, SLOW_TO_LOAD) == needed


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
