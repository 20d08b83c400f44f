"""The machine as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHAPES = {"Choice": ("{", "}"), "Succeed": ("([", "])"), "Wait": ("[/", "/]"), "Pass": ("(", ")")}


def mermaid(definition: Mapping[str, Any]) -> str:
    """A flowchart of a definition; a Map is a box with its child inside."""
    return "\n".join(["flowchart TD", *_states(definition, "s", "  ")]) + "\n"


def _states(scope: Mapping[str, Any], prefix: str, indent: str) -> Iterator[str]:
    ids = {name: f"{prefix}{at}" for at, name in enumerate(scope["States"])}
    for name, state in scope["States"].items():
        if state["Type"] == "Map":
            yield f'{indent}subgraph {ids[name]}["{_plain(name)}"]'
            yield from _states(state["ItemProcessor"], f"{ids[name]}_", indent + "  ")
            yield f"{indent}end"
        else:
            left, right = _SHAPES.get(state["Type"], ("[", "]"))
            yield f'{indent}{ids[name]}{left}"{_plain(name)}"{right}'
    for name, state in scope["States"].items():
        for label, following in _ways(state):
            arrow = f"-->|{_plain(label)}|" if label else "-->"
            yield f"{indent}{ids[name]} {arrow} {ids[following]}"


def _ways(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for choice in state.get("Choices", ()):
        yield choice["Condition"].strip("{%} "), choice["Next"]
    if "Default" in state:
        yield "otherwise", state["Default"]
    if "Next" in state:
        yield "", state["Next"]
    for catch in state.get("Catch", ()):
        yield " ".join(catch["ErrorEquals"]), catch["Next"]


def _plain(text: str) -> str:
    return text.replace('"', "'").replace("|", "/").replace("<", "&lt;").replace(">", "&gt;")
