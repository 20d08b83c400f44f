"""The sessions in the documents are real: each command is run again here, and prints what stands there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.support import ROOT, portl

PASSED_OVER = (r"\d+\.\d+\.\d+", r"\d+ packages", r"\[Errno \d+\]")
"""What differs from machine to machine."""


def commands(page: str) -> Iterator[tuple[str, str]]:
    """The commands of a page's sessions, each with what it printed."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    for session in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for command, _, printed in (each.partition("\n") for each in re.split(r"^\$ ", session, flags=re.MULTILINE) if each):
            yield command, printed


def plain(text: str) -> str:
    for each in PASSED_OVER:
        text = re.sub(each, "…", text)
    return text


@pytest.mark.parametrize("page", ["migrate.md", "doctor.md"])
def test_what_a_session_shows_is_what_its_commands_print(tmp_path: Path, page: str) -> None:
    for name in ("statemachines", "functions", "layers", "template.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    code, seen = 0, 0
    for command, printed in commands(page):
        words = shlex.split(command)
        variables = dict(word.partition("=")[::2] for word in words if re.match(r"[A-Z_]+=", word))
        arguments = [word for word in words if word.partition("=")[0] not in variables]
        if arguments[0] == "cat" and not (tmp_path / arguments[1]).exists():
            (tmp_path / arguments[1]).write_text(printed, "utf-8")  # what the session begins with
        elif arguments[0] == "cat":
            assert (tmp_path / arguments[1]).read_text("utf-8") == printed
        elif arguments[0] == "echo":
            assert f"{code}\n" == printed
        else:
            ended = portl(tmp_path, *arguments[1:], **variables)
            code, seen = ended.code, seen + 1
            assert plain(ended.out + ended.err) == plain(printed), command
    assert seen > 1
