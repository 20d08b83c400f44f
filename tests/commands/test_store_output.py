"""What becomes of a command whose standard output nobody takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.stores_lab import Lab
from flows.support import START, environment

FILES = 200


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    for number in range(FILES):
        lab.put(f"in/{number}", b"1")
    return lab


def run_into(lab: Lab, output: int, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-c", START, "store", *arguments]
    ended = subprocess.run(
        command, cwd=lab.folder, env=environment(lab.folder, {}), stdout=output, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(output)
    return ended.returncode, ended.stderr


def closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("command", [("cp", "in/*", "out/"), ("mv", "in/*", "out/"), ("rm", "in/*", "--yes")])
def test_what_stops_because_nobody_reads_is_not_called_done(lab: Lab, command: tuple[str, ...]) -> None:
    said = "stopped before all files were through: nobody reads what is told of them\n"
    assert run_into(lab, closed_pipe(), *command) == (1, said)


@pytest.mark.parametrize("command", [("ls", "in"), ("cat", "in/*")])
def test_who_has_read_enough_ends_a_command_that_only_shows(lab: Lab, command: tuple[str, ...]) -> None:
    assert run_into(lab, closed_pipe(), *command) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", [("ls", "in"), ("cat", "in/*"), ("cp", "in/*", "out/")])
def test_a_full_disk_behind_standard_output_is_the_environments_fault(lab: Lab, command: tuple[str, ...]) -> None:
    said = "standard output cannot be written: No space left on device\n"
    assert run_into(lab, os.open("/dev/full", os.O_WRONLY), *command) == (3, said)
