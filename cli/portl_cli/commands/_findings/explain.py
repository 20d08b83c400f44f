from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import click

from portl.jobs import CODES, closest

_INSTALLED = Path(__file__).parents[2] / "errors"
_IN_THE_REPOSITORY = Path(__file__).parents[4] / "docs" / "errors"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_OWN_PLACE = re.compile(r"\n`portl check --explain [A-Z]\d+` shows this page\..*\n$")


def page(code: str) -> str:
    """What a code means, Markdown: of a finding its cause, the way out, a wrong and a right job; of an error what it says.

    Raises:
        BadParameter: there is no such code.
    """
    name = code.upper()
    folder = _INSTALLED if _INSTALLED.is_dir() else _IN_THE_REPOSITORY
    if name in CODES:
        text = (folder / f"{name}.md").read_text("utf-8")
        return _LINK.sub(r"\1", _OWN_PLACE.sub("", text))
    raised: dict[str, dict[str, str]] = json.loads((folder / "runtime.json").read_text("utf-8"))
    if name not in raised:
        raise click.BadParameter(_unknown(code, {*CODES, *raised}), param_hint="--explain")
    return _raised(name, raised[name])


def _raised(name: str, told: dict[str, str]) -> str:
    says = unescape(told["says"]).replace("\\|", "|")
    return f"""# {name}: {told["error"]}

Raised by a run, a function or the tool; the error itself tells the place, the cause and what to do.

**It says.** {says}

Raised in {told["raised_in"]}. `…` stands for what only the moment knows.
"""


def _unknown(code: str, known: set[str]) -> str:
    """Codes of one letter are of one kind: only those are worth naming."""
    family = [each for each in known if each[0] == code[:1].upper()]
    hint = closest(code.upper(), family) or "codes are a letter and three digits, such as J209"
    return f"there is no code {code}; {hint}"
