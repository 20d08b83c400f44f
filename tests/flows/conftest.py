from __future__ import annotations

from pathlib import Path

import pytest

from flows.staging_lab import Lab


@pytest.fixture
def lab(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Lab:
    variables = {"PORTL_RUNS": tmp_path / "runs", "PG_URL": postgres_url, "PORTL_LOG": tmp_path / "log.jsonl"}
    for name, value in {**variables, "NOTIFY_URL": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, str(value))
    return Lab(tmp_path / "runs")
