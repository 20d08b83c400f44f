from __future__ import annotations

from pathlib import Path

import click

from portl.jobs import CODES, closest

_INSTALLED = Path(__file__).parents[2] / "errors"
_IN_THE_REPOSITORY = Path(__file__).parents[4] / "docs" / "errors"


def page(code: str) -> str:
    """The page of a code, Markdown: its cause, the way out, a wrong and a right job.

    Raises:
        BadParameter: there is no such code.
    """
    name = code.upper()
    if name not in CODES:
        raise click.BadParameter(f"there is no code {code}; {closest(name, CODES)}", param_hint="--explain")
    folder = _INSTALLED if _INSTALLED.is_dir() else _IN_THE_REPOSITORY
    return (folder / f"{name}.md").read_text("utf-8")
