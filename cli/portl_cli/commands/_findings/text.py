from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from portl.jobs import Diagnostic
from portl_cli.commands._findings.report import Checked

_COLOURS = {"error": "red", "warning": "yellow"}
_SECRET = "J501"  # noqa: S105 - a code
MOST_SHOWN = 160
"""Characters of a line of the file that are shown."""


@dataclass(frozen=True, slots=True)
class Look:
    """How findings look. Lines of the file are shown on a terminal; colours (https://no-color.org) not when NO_COLOR is set."""

    lines: bool = False
    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Look:
        """How they look on a stream."""
        on_terminal = stream.isatty()
        colour = on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(lines=on_terminal, colour=colour)


def text_lines(checked: Checked, look: Look) -> Iterator[str]:
    """The findings of one file: ``file:line:column CODE message; hint``, each followed by its line of the file if wanted."""
    source = _source(checked) if look.lines else []
    secret = {found.line for found in checked.findings if found.code == _SECRET}
    for found in checked.findings:
        yield _line(found, look)
        if 0 < found.line <= len(source) and found.line not in secret:
            yield from _shown(source[found.line - 1], found, look)


def _line(found: Diagnostic, look: Look) -> str:
    if not look.colour:
        return str(found)
    place = click.style(f"{found.file}:{found.line}:{found.column}", bold=True)
    code = click.style(found.code, fg=_COLOURS[found.level], bold=True)
    hint = f"; {click.style(found.hint, fg='cyan')}" if found.hint else ""
    return f"{place} {code} {found.message}{hint}"


def _source(checked: Checked) -> Sequence[str]:
    try:
        with Path(checked.file).open(encoding="utf-8-sig") as lines:
            return [line.rstrip("\n") for line in lines]
    except (OSError, UnicodeDecodeError):
        return []


def _shown(line: str, found: Diagnostic, look: Look) -> Iterator[str]:
    if found.column > MOST_SHOWN:
        return
    before = "".join(character if character == "\t" else " " for character in line[: found.column - 1])
    mark = click.style("^", fg=_COLOURS[found.level], bold=True) if look.colour else "^"
    yield f"  {line[:MOST_SHOWN]}"
    yield f"  {before}{mark}"
