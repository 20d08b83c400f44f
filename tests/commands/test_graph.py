"""``portl graph``."""

from __future__ import annotations

import json
from pathlib import Path

from flows.support import FLOW_A, portl
from portl_cli.compile.picture import mermaid, svg

MACHINE = json.loads((FLOW_A / "resource_sync.asl.json").read_text("utf-8"))


def test_it_prints_mermaid_unless_told_otherwise(tmp_path: Path) -> None:
    for arguments in ((), ("--format", "mermaid")):
        ended = portl(tmp_path, "graph", str(FLOW_A), *arguments)
        assert (ended.code, ended.out, ended.err) == (0, mermaid(MACHINE), "")


def test_it_prints_svg_or_writes_it_to_a_file(tmp_path: Path) -> None:
    assert portl(tmp_path, "graph", str(FLOW_A), "--format", "svg").out == svg(MACHINE)
    ended = portl(tmp_path, "graph", str(FLOW_A), "--format", "svg", "-o", "a.svg")
    assert (ended.code, ended.out, ended.err) == (0, "", "a.svg written\n")
    assert (tmp_path / "a.svg").read_text("utf-8") == svg(MACHINE)


def test_a_file_that_cannot_be_written_and_an_unknown_format_are_said(tmp_path: Path) -> None:
    ended = portl(tmp_path, "graph", str(FLOW_A), "-o", "nowhere/a.svg")
    assert (ended.code, ended.err.startswith("V124 nowhere/a.svg cannot be written")) == (3, True)
    ended = portl(tmp_path, "graph", str(FLOW_A), "--format", "png")
    assert (ended.code, "'png' is not one of 'mermaid', 'svg'" in ended.err) == (2, True)
    ended = portl(tmp_path, "graph", "nowhere")
    assert (ended.code, ended.err) == (2, "nowhere is not there\n")
