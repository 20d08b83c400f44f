"""Functions for the hosts' tests."""

from __future__ import annotations

import pytest

from portl_cli.engine import Function

WAIT_S = 30


@pytest.fixture
def function(tmp_path):
    def write(code: str, name: str = "F", **fields) -> Function:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "app.py").write_text(code)
        return Function(name=name, code_dir=folder, handler="app.handler", **{"timeout": WAIT_S, **fields})

    return write
