"""A function loads what its step needs when it needs it: judged by the modules loaded, not by milliseconds (bundle.md A4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.documents import ROOT
from functions.test_layers import CALL
from portl_cli.embedded import Peer

DRIVERS = ("boto3", "botocore.client", "cryptography", "httpx", "obstore", "paramiko", "pg8000", "xlsxwriter")
OTHERS = ("aws_xray_sdk", "portl_cli", "pydantic_settings", "jsonata")
"""What a store of the environment or the tool needs; and tracing, which nobody asked for."""
LOADS: dict[str, list[str]] = {
    "conditional": [],
    "batch_items": [],
    "csv_read": [],
    "store_list": [],
    "store_exists": [],
    "store_move": [],
    "store_sign": ["obstore"],
    "api_call": ["httpx"],
    "db_upsert": ["pg8000"],
    "db_transaction": ["pg8000"],
    "outbox_enqueue": ["pg8000"],
}


def ran(code: str, *arguments: str, **variables: str) -> str:
    """The last line that a fresh interpreter prints."""
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **variables})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]


def test_no_handler_loads_a_driver_before_it_is_called() -> None:
    code = f"""
import importlib.util, json, pathlib, sys
found = {{}}
for path in sorted(pathlib.Path("functions").glob("*/app.py")):
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    for name in {(*DRIVERS, *OTHERS)!r}:
        if name in sys.modules and name not in found:
            found[name] = path.parent.name
print(json.dumps(found))
"""
    assert json.loads(ran(code)) == {}


@pytest.mark.postgres
@pytest.mark.parametrize("folder", LOADS)
def test_a_handler_loads_the_driver_of_its_own_connection_and_no_other(
    folder: str, tmp_path: Path, postgres_url: str, peer: Peer
) -> None:
    (tmp_path / "in").mkdir()
    given = {"FILES": str(tmp_path), "PG_URL": postgres_url, "API_URL": peer.url, "PORTL_SECRET_S3": "testing"}
    given |= {"PORTL_RUNS": str(tmp_path / "runs"), "PORTL_LOG": str(tmp_path / "log.jsonl"), "PORTL_METRICS": ""}
    event = (ROOT / "tests" / "events" / f"{folder}.json").read_text("utf-8")
    code = CALL.replace("answer = app.handler(json.loads(sys.argv[2]), Context())", TRIED)
    code += f"print(json.dumps([name for name in {(*DRIVERS, *OTHERS)!r} if name in sys.modules]))"
    assert json.loads(ran(code, folder, event, **given)) == LOADS[folder]


TRIED = """
try:
    answer = app.handler(json.loads(sys.argv[2]), Context())
except Exception as problem:  # there is no table of that name: it has been loaded what finds out
    answer = type(problem).__name__
"""
