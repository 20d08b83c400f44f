"""The machines of the example jobs as pictures, from the machines that stand beside them."""

from __future__ import annotations

import json
from pathlib import Path

from portl_cli.compile.picture import svg

ROOT = Path(__file__).resolve().parents[2]


def outputs() -> dict[str, str]:
    """``docs/pictures/<job>.svg`` for each compiled job."""
    machines = sorted(ROOT.glob("statemachines/*/*.asl.json"))
    return {f"docs/pictures/{file.parent.name}.svg": svg(json.loads(file.read_text("utf-8"))) for file in machines}
