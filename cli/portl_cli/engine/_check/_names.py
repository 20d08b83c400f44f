"""S201, S202, S207: names of states and labels of Maps.

https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html and …/dg/state-map-distributed.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from portl_cli.engine._check._finding import Finding, inside
from portl_cli.engine._limits import LABEL, STATE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portl_cli.engine._check._outline import RegionView, StateView

_NOT_IN_LABELS = re.compile(r"[\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]")


def check_names(machine: RegionView) -> Iterator[Finding]:
    """Names are unique over the whole machine, those of inner states too."""
    names: dict[str, str] = {}
    labels: dict[str, str] = {}
    for state in machine.all_states():
        yield from _check_state(state, names)
        label = state.body.get("Label")
        if state.kind == "Map" and isinstance(label, str):
            yield from _check_label(state, label, labels)


def _check_state(state: StateView, names: dict[str, str]) -> Iterator[Finding]:
    if not state.name or len(state.name) > STATE_NAME:
        yield Finding("S201", state.path, f"a state's name has 1 to {STATE_NAME} characters, this one {len(state.name)}")
    if state.name in names:
        yield Finding("S202", state.path, f"the name '{state.name}' stands also at {names[state.name]}")
    names.setdefault(state.name, state.path)


def _check_label(state: StateView, label: str, labels: dict[str, str]) -> Iterator[Finding]:
    place = inside(state.path, "Label")
    if len(label) > LABEL:
        yield Finding("S201", place, f"a label has at most {LABEL} characters, this one {len(label)}")
    if wrong := _NOT_IN_LABELS.search(label):
        yield Finding("S201", place, f"a label cannot have the character {wrong[0]!r}")
    if label in labels:
        yield Finding("S207", place, f"the label '{label}' stands also at {labels[label]}")
    labels.setdefault(label, place)
