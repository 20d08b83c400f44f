"""One project for the session: its embedded server is made once."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator

import pytest

from flows.support import ROOT
from portl_cli.embedded import start_postgres
from prove.support import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    root = tmp_path_factory.mktemp("workshop")
    (root / "template.yaml").write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")
    for name in ("functions", "layers"):
        (root / name).symlink_to(ROOT / name)
    with start_postgres(root) as server:
        yield Workshop(root)
    base = server.log.parent  # as root it is not in pytest's folder, and nobody else would remove it
    with (base / "supervisor.lock").open("rb") as ended:
        fcntl.flock(ended, fcntl.LOCK_EX)
    shutil.rmtree(base)
