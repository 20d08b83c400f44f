"""The template as data: short tags of CloudFormation are read as their long form."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from portl_cli.engine.template import _read

ROOT = Path(__file__).resolve().parents[2]


@cache
def template() -> dict[str, Any]:
    return _read(ROOT / "template.yaml")


def resources(kind: str, document: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type, by its name."""
    found = (document or template())["Resources"].items()
    return {name: body.get("Properties", {}) for name, body in found if body["Type"] == kind}


def inside(value: Any) -> Iterator[Any]:
    """A JSON value and everything in it."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(item)


def statements(document: dict[str, Any] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with the name of the resource that it stands in."""
    for name, body in (document or template())["Resources"].items():
        for value in inside(body):
            if isinstance(value, dict) and "Effect" in value:
                yield name, value


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
