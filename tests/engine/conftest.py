from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
WANTED = PROJECT / "tests" / "node"
INSTALLED = PROJECT / ".cache" / "node"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The tools of tests/node, installed once into a folder that git does not see; skips where that cannot be done."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    (INSTALLED / ".gitignore").write_text("*\n")
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()
    return INSTALLED / "node_modules"


def _install() -> None:
    wanted = (WANTED / "package-lock.json").read_text()
    done = INSTALLED / "installed.json"
    if done.exists() and done.read_text() == wanted:
        return
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(WANTED / name, INSTALLED / name)
    result = subprocess.run(["npm", "ci"], cwd=INSTALLED, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode != 0:
        pytest.skip(f"npm ci failed: {result.stderr.strip().splitlines()[-1:]}")
    done.write_text(wanted)
