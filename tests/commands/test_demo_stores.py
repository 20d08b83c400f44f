"""The folder of a demo's store begins with all of its sample, or is not there."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portl_cli.commands._demo_stores import begin


def sample_of(folder: Path, count: int) -> Path:
    sample = folder / "sample"
    sample.mkdir()
    for number in range(count):
        (sample / f"{number}.csv").write_text("code\n", "utf-8")
    return sample


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_copy_that_breaks_off_leaves_nothing_that_the_next_run_would_take_for_all(tmp_path: Path) -> None:
    sample = sample_of(tmp_path, 3)
    (sample / "9.csv").symlink_to(tmp_path / "gone")
    root = tmp_path / "stores" / "lake"
    with pytest.raises(shutil.Error):
        begin(root, sample)
    assert names(tmp_path / "stores") == []
    (sample / "9.csv").unlink()
    begin(root, sample)
    assert names(tmp_path / "stores") == ["lake", "lake/0.csv", "lake/1.csv", "lake/2.csv"]


def test_of_many_that_begin_at_once_all_find_the_whole(tmp_path: Path) -> None:
    sample, root = sample_of(tmp_path, 20), tmp_path / "stores" / "lake"
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda _: begin(root, sample), range(8))] == [None] * 8
    assert names(root) == names(sample)
    assert names(tmp_path / "stores") == ["lake", *(f"lake/{name}" for name in names(sample))]


def test_without_a_sample_it_begins_empty(tmp_path: Path) -> None:
    begin(tmp_path / "a" / "lake", tmp_path / "absent")
    assert names(tmp_path / "a") == ["lake"]
