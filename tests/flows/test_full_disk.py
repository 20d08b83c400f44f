"""A run on a disk that has no room for what it keeps."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from flows.support import START, environment

JOB = """
version: 2
job: copies
steps:
  - {id: read, type: csv.read, path: in.csv}
  - {id: write, type: file.write, path: out.csv, rows: "{{ steps.read.rows }}", format: csv}
"""
ROOM = 1_000
"""The longest file that the run may write, in bytes."""


def test_a_run_whose_folder_has_no_room_says_so_and_is_no_fault_of_portl(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "in.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(100_000)))

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    ended = subprocess.run(
        [sys.executable, "-c", START, "run", "job.yaml"],
        cwd=tmp_path,
        env=environment(tmp_path, {}),
        preexec_fn=no_room,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode in (1, 3)
    assert "no room" in ended.stderr or "File too large" in ended.stderr
    assert "fault of Portl" not in ended.stderr
    assert not (tmp_path / "out.csv").exists()
