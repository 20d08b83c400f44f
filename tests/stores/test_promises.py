"""Promises about more than one call: how much memory a large file takes (stores.md P4)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portl.stores import StoreSpec
from stores.backends import azure_spec, s3_spec, sftp_spec

MIB = 1024 * 1024
LARGE, MOST = 400 * MIB, 150_000_000
"""Bytes of a file, and of memory that a process may take for it."""
THERE_AND_BACK = """
import json, sys
from pathlib import Path
from portl.stores import open_store, transfer
here, there = open_store(sys.argv[1]), open_store(json.loads(sys.argv[2]))
transfer(here, "large", there, "large", mode="stream")
transfer(there, "large", here, "back", mode="stream")
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) * 1024)
"""
SPECS: dict[str, Callable[[Path], Any]] = {
    "local": lambda folder: {"type": "local", "root": str(folder / "store"), "durable": False},
    "s3": lambda _: shown(s3_spec()),
    "sftp": lambda _: shown(sftp_spec()),
    "azure": lambda _: shown(azure_spec()),
}


def shown(spec: StoreSpec) -> dict[str, Any]:
    """A connection with its secrets, as JSON has it."""
    given = spec.model_dump(exclude_none=True)
    return {name: value.get_secret_value() if hasattr(value, "get_secret_value") else value for name, value in given.items()}


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much memory a process had")
@pytest.mark.parametrize("kind", SPECS)
def test_a_file_larger_than_the_memory_that_is_allowed_goes_through_this_machine(tmp_path: Path, kind: str) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE)
    command = [sys.executable, "-c", THERE_AND_BACK, str(tmp_path), json.dumps(SPECS[kind](tmp_path))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "back").stat().st_size == LARGE
    assert int(ended.stdout) <= MOST
