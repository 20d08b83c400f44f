"""From an error of a run back to the line of the job that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from portl.jobs._yaml import Document, Spot, YamlProblem, read_yaml
from portl.jobs._yaml import Path as Way


def place_in_job(file: Path, error: Mapping[str, Any]) -> Spot | None:
    """Where in the job file an error document of a run points: its expression, else the mapped column, else its step.

    None when the file cannot be read any more, or has no such step.
    """
    try:
        document = read_yaml(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, YamlProblem):
        return None
    place, detail = error.get("place", {}), error.get("detail", {})
    step = _step(document.value, place.get("step"))
    if step is None:
        return None
    way, value = step
    inside = list(_leaves(value, way))
    expression = detail.get("expression")
    if expression is not None:
        for leaf, text in inside:
            if text[detail["offset"] :].lstrip().startswith(expression):
                return _at(document, leaf, detail["offset"])
    column = place.get("column")
    named = next((leaf for leaf, _ in inside if column in leaf and leaf[-1] != "sql"), None) if column else None
    return _at(document, named or way, 0)


def _at(document: Document, way: Way, offset: int) -> Spot:
    spot = document.spot(way)
    return Spot(spot.line, spot.column + (offset if spot.plain else 0), spot.plain)


def _step(value: Any, step_id: Any, way: Way = ()) -> tuple[Way, Any] | None:
    if isinstance(value, dict):
        if value.get("id") == step_id and way:
            return way, value
        items: Any = value.items()
    else:
        items = enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found = _step(item, step_id, (*way, key))
        if found:
            return found
    return None


def _leaves(value: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if isinstance(value, str):
        yield way, value
        return
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key not in ("then", "else"):
            yield from _leaves(item, (*way, key))
