"""The tools of tests/node, from the npm registry."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WANTED = ROOT / "tests" / "node"
INSTALLED = ROOT / ".cache" / "node"


def node_modules() -> Path:
    """Where they are, installed once into a folder that git does not see; skips where that cannot be done."""
    problem = _problem()
    if problem:
        pytest.skip(problem)
    return INSTALLED / "node_modules"


@cache
def _problem() -> str:
    """Why they cannot be used; empty when they can. Found out once."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    (INSTALLED / ".gitignore").write_text("*\n")
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _install()


def _install() -> str:
    wanted = (WANTED / "package-lock.json").read_text()
    done = INSTALLED / "installed.json"
    if done.exists() and done.read_text() == wanted:
        return ""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(WANTED / name, INSTALLED / name)
    result = subprocess.run(["npm", "ci"], cwd=INSTALLED, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode != 0:
        return f"npm ci failed: {result.stderr.strip().splitlines()[-1:]}"
    done.write_text(wanted)
    return ""
