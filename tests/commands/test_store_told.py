"""What `portl store` says of folders, of what was replaced, and of one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.stores_lab import KINDS, Lab

ONE, OTHER = b"one\n", b"another\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_ls_lists_has_a_kind_for_stat_and_so_has_the_store_itself(lab: Lab, kind: str) -> None:
    lab.add("lake", kind).write("in/a.csv", ONE)
    told = lab.documents("stat", "lake:in", "lake:in/", "lake:")
    assert [(each["address"], each["kind"], each["size"]) for each in told] == [
        ("lake:in", "folder", None),
        ("lake:in/", "folder", None),
        ("lake:", "folder", None),
    ]
    missing = lab.run("stat", "lake:on")
    assert (missing.code, missing.err.splitlines()[0]) == (1, "F101 lake:on is not there")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["cp", "mv"])
def test_what_took_the_place_of_something_else_says_so(lab: Lab, kind: str, command: str) -> None:
    lab.add("lake", kind).write("a.csv", OTHER)
    for name in ("a.csv", "b.csv"):
        lab.put(name, ONE)
    told = lab.documents(command, "a.csv", "b.csv", "lake:", "--overwrite", "replace", "--parallel", "1")
    assert [(each["target"], each["over"]) for each in told if each["event"] == "file"] == [
        ("lake:a.csv", True),
        ("lake:b.csv", False),
    ]


def test_one_file_that_was_left_is_told_as_one(lab: Lab) -> None:
    lab.add("lake", "local").write("a.csv", ONE)
    lab.put("a.csv", ONE)
    assert lab.run("cp", "a.csv", "lake:").err.startswith("1 file left as it was, in ")
