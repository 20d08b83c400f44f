"""What ``portl check`` found, written for people, programs, code scanning and pull requests: one file a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from portl_cli.commands._findings.explain import page
from portl_cli.commands._findings.github import workflow_commands
from portl_cli.commands._findings.json_document import json_document
from portl_cli.commands._findings.report import Checked
from portl_cli.commands._findings.sarif import sarif_log
from portl_cli.commands._findings.text import Look, text_lines

WRITERS: Mapping[str, Callable[[Sequence[Checked]], str]] = {
    "json": json_document,
    "sarif": sarif_log,
    "github": workflow_commands,
}
"""The forms for machines, by the name ``--format`` takes: each writes all files as one text."""

__all__ = ["WRITERS", "Checked", "Look", "page", "text_lines"]
