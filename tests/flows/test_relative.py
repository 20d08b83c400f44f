"""Files keep their places by `relative`; a whole address in the place of a path is refused before it becomes a wrong key."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.support import portl
from flows.test_files import contents, job, write

QUICK = ("--host", "inline", "--time-scale", "0.01")
HEAD = (
    "version: 2\njob: files\nconnections:\n  out: {type: local, root: ../out}\n  lake: {type: local, root: ../lake}\nsteps:\n"
)
BATCH = 'batch: {from: "{{ steps.found.rows }}", as: %s}, from: "{{ %s.path }}"'
KEPT = {"kept/a.csv": "x\n1\n", "kept/deep/b.csv": "x\n2\n"}


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write(tmp_path / "out" / "day", a="x\n1\n")
    write(tmp_path / "out" / "day" / "deep", b="x\n2\n")


OF = {
    "a pattern": '  - {id: keep, type: store.copy, from: "out:day/**/*.csv", to: "lake:kept/{{ file.relative }}"}\n',
    "a folder's list": '  - {id: found, type: store.list, path: "out:day", recursive: true}\n'
    f'  - {{id: keep, type: store.copy, {BATCH % ("file", "file")}, to: "lake:kept/{{{{ file.relative }}}}"}}\n',
    "this machine": '  - {id: found, type: store.list, path: "../out/day/**/*.csv"}\n'
    f'  - {{id: keep, type: store.copy, {BATCH % ("each", "each")}, to: "lake:kept/{{{{ each.relative }}}}"}}\n',
}


@pytest.mark.parametrize("steps", OF.values(), ids=OF)
def test_files_keep_the_places_they_have_below_what_was_listed(tmp_path: Path, steps: str) -> None:
    (tmp_path / "work").mkdir()
    ended = portl(tmp_path, "run", job(tmp_path, (HEAD + steps).replace("../out/day/**", f"{tmp_path}/out/day/**")), *QUICK)
    assert ended.code == 0, ended.err
    assert contents(tmp_path / "lake") == KEPT


def test_one_file_s_relative_is_its_name(tmp_path: Path) -> None:
    step = '  - {id: keep, type: store.copy, from: "out:day/deep/b.csv", to: "lake:kept/{{ file.relative }}"}\n'
    ended = portl(tmp_path, "run", job(tmp_path, HEAD + step), *QUICK)
    assert ended.code == 0, ended.err
    assert contents(tmp_path / "lake") == {"kept/b.csv": "x\n2\n"}


def test_an_address_behind_a_store_is_seen_by_check(tmp_path: Path) -> None:
    step = '  - {id: keep, type: store.copy, from: "out:day/**/*.csv", to: "lake:kept/{{ file.path }}"}\n'
    ended = portl(tmp_path, "check", job(tmp_path, HEAD + step))
    assert ended.code == 2
    said = ended.out + ended.err
    assert "J004 file.path is a whole address, and the path of none" in said
    assert "{{ file.relative }} is the path below the pattern" in said


def test_an_address_in_a_path_that_only_the_run_can_see_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    found = '  - {id: found, type: store.list, path: "out:day/*"}\n'
    step = f'  - {{id: keep, type: store.copy, {BATCH % ("each", "each")}, to: "lake:kept/{{{{ each.path }}}}"}}\n'
    ended = portl(tmp_path, "run", job(tmp_path, HEAD + found + step), *QUICK)
    assert ended.code == 1
    assert "F102 lake:kept/out:day/a.csv: an address of the store out stands in the path" in ended.err
    assert not (tmp_path / "lake").exists()
