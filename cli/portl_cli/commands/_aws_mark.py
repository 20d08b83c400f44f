"""The mark of a run that was on AWS: what this machine keeps of it is a copy of a part, and nothing goes on from that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from portl_cli.commands._again import Refused

MARK = "aws.json"
"""Stands in the folder of such a run: ``{stack, region, execution}``."""


def mark_as_on_aws(folder: Path, **about: str) -> None:
    """Says that the folder's run was on AWS."""
    (folder / MARK).write_text(json.dumps(about) + "\n", "utf-8")


def was_on_aws(folder: Path) -> dict[str, Any] | None:
    """What the mark of a run's folder says; None for a run of this machine."""
    file = folder / MARK
    return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else None


def refuse_on_aws(folder: Path, way_out: str) -> None:
    """Refuses to go on here with a run that was on AWS. Raises Refused."""
    found = was_on_aws(folder)
    if found is not None:
        raise Refused(f"{folder.name} was on AWS, in the stack {found['stack']}: {way_out}")
