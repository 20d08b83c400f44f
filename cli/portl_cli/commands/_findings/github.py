"""Workflow commands: GitHub shows each finding at its line of a pull request.

https://docs.github.com/en/actions/writing-workflows/choosing-what-your-workflow-does/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portl.jobs import Diagnostic
from portl_cli.commands._findings.report import Checked


def workflow_commands(checked: Sequence[Checked]) -> str:
    """A command a line; nothing when nothing was found."""
    return "".join(f"{_command(found)}\n" for each in checked for found in each.findings)


def command(level: str, fields: Mapping[str, object], text: str) -> str:
    """One command. ``fields`` are ``file``, ``line``, ``col`` and ``title``, as far as they are known."""
    told = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items())
    return f"::{level} {told}::{_data(text)}" if told else f"::{level}::{_data(text)}"


def _command(found: Diagnostic) -> str:
    text = f"{found.message}; {found.hint}" if found.hint else found.message
    fields = {"file": found.file, "line": found.line, "col": found.column, "title": found.code}
    return command(found.level, fields, text)


def _data(text: str) -> str:
    """What GitHub's own toolkit escapes in a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
