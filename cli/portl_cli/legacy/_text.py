"""The steps form as a file, with what was noted above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portl_cli.scaffold import entry, item


def steps_text(document: dict[str, Any]) -> str:
    """The job as YAML, as a person would write it."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        if name == "connections":
            yield "connections:"
            for connection, spec in value.items():
                yield from entry(connection, spec, "  ")
        elif name == "steps":
            yield "steps:"
            for step in value:
                yield from item(step)
        else:
            yield from entry(name, value)
