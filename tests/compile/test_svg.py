"""The picture of a machine: every state once, nothing over anything else, no text wider than its box."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from portl.connections import CONNECTION_TYPES
from portl.jobs import parse_job
from portl.steps import STEP_TYPES
from portl_cli.compile import compile_job
from portl_cli.compile.picture import svg
from portl_cli.compile.picture.style import STYLE
from portl_cli.compile.picture.text import ELLIPSIS, width, wrap

ROOT = Path(__file__).resolve().parents[2]
MACHINES = sorted([*ROOT.glob("statemachines/*/*.asl.json"), *ROOT.glob("tests/engine/machines/*.asl.json")])
SVG = "{http://www.w3.org/2000/svg}"
SIZES = {name: float(size) for name, size in re.findall(r"\.([\w-]+) \{ font-size: ([\d.]+)px", STYLE)}
BOLD = {name for name, weight in re.findall(r"\.([\w-]+) \{ font-size: [\d.]+px; font-weight: (\d+)", STYLE)}


@dataclass(frozen=True)
class Area:
    x: float
    y: float
    w: float
    h: float

    def holds(self, other: Area) -> bool:
        inside_x = self.x <= other.x and other.x + other.w <= self.x + self.w
        return inside_x and self.y <= other.y and other.y + other.h <= self.y + self.h

    def meets(self, other: Area) -> bool:
        apart_x = self.x + self.w <= other.x or other.x + other.w <= self.x
        return not apart_x and not (self.y + self.h <= other.y or other.y + other.h <= self.y)


@dataclass(frozen=True)
class Drawn:
    """A group with a box: a state, or a label on a line; ``above`` are the numbers of the groups around it."""

    name: str | None
    area: Area
    above: tuple[int, ...]
    texts: tuple[tuple[str, Area], ...]
    choice: bool


def machine(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def state_names(scope: dict[str, Any]) -> Iterator[str]:
    for name, state in scope["States"].items():
        yield name
        for inner in [*([state["ItemProcessor"]] if "ItemProcessor" in state else []), *state.get("Branches", ())]:
            yield from state_names(inner)


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name, "0"))


def box_of(group: ET.Element) -> Area | None:
    for child in group:
        if child.tag == f"{SVG}rect" and child.get("class") in ("box", "way-box"):
            return Area(number(child, "x"), number(child, "y"), number(child, "width"), number(child, "height"))
        if child.tag == f"{SVG}polygon":
            points = [tuple(map(float, point.split(","))) for point in child.get("points", "").split()]
            xs, ys = [x for x, _ in points], [y for _, y in points]
            return Area(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return None


def text_area(element: ET.Element) -> Area:
    kind = element.get("class", "")
    w = width(element.text or "", SIZES[kind], bold=kind in BOLD)
    x = number(element, "x") - (w / 2 if element.get("text-anchor") == "middle" else 0)
    return Area(x, number(element, "y") - SIZES[kind] * 0.8, w, SIZES[kind])


def texts_of(group: ET.Element) -> Iterator[tuple[str, Area]]:
    for child in group:
        if child.tag == f"{SVG}text" and child.text:
            yield child.text, text_area(child)
        elif child.tag == f"{SVG}g" and child.get("data-state") is None and "step" in child.get("class", ""):
            yield from texts_of(child)


def drawn(root: ET.Element) -> list[Drawn]:
    found: list[Drawn] = []

    def walk(element: ET.Element, above: tuple[int, ...]) -> None:
        for group in element.findall(f"{SVG}g"):
            area = box_of(group)
            if area is None:
                continue
            choice = "choice" in group.get("class", "")
            texts = tuple((text, place) for text, place in texts_of(group) if text != "RetryAfter")
            found.append(Drawn(group.get("data-state"), area, above, texts, choice))
            walk(group, (*above, len(found) - 1))

    walk(root, ())
    return found


def segments(root: ET.Element) -> Iterator[Area]:
    for path in root.iter(f"{SVG}path"):
        if "line" in path.get("class", "").split():
            points = [tuple(map(float, point.split())) for point in path.get("d", "")[1:].split("L")]
            for (x1, y1), (x2, y2) in pairwise(points):
                yield Area(min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1))


def hold(definition: dict[str, Any]) -> None:
    """Everything a picture promises."""
    text = svg(definition)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    page = Area(0, 0, number(root, "width"), number(root, "height"))
    groups = drawn(root)
    assert sorted(group.name for group in groups if group.name) == sorted(state_names(definition))
    for at, group in enumerate(groups):
        assert page.holds(group.area), group
        assert all(groups[outer].area.holds(group.area) for outer in group.above), group
        for other_at, other in enumerate(groups[at + 1 :], at + 1):
            assert at in other.above or not group.area.meets(other.area), (group, other, other_at)
        for shown, place in group.texts:
            room = group.area.w * (1 - 2 * abs(place.y + place.h / 2 - group.area.y - group.area.h / 2) / group.area.h)
            assert place.w <= (room if group.choice else group.area.w), shown
            assert group.area.holds(place), shown
    solid = [group for at, group in enumerate(groups) if group.name and not any(at in each.above for each in groups)]
    for line in segments(root):
        through = [group.name for group in solid if group.area.meets(line) and not _only_touches(group.area, line)]
        assert through == [], line


def _only_touches(area: Area, line: Area) -> bool:
    """Whether a line ends at the box's edge or in its first pixel, as arrows do."""
    inner = Area(area.x + 1, area.y + 1, area.w - 2, area.h - 2)
    return not inner.meets(Area(line.x, line.y, line.w or 0.01, line.h or 0.01))


@pytest.mark.parametrize("file", MACHINES, ids=lambda file: file.stem)
def test_a_machine_is_drawn_whole_and_legible(file: Path) -> None:
    hold(machine(file))


@pytest.mark.parametrize("file", MACHINES, ids=lambda file: file.stem)
def test_a_picture_stands_alone_and_is_always_the_same(file: Path) -> None:
    text = svg(machine(file))
    assert text == svg(machine(file))
    assert re.findall(r"<script|<image|<foreignObject|@import|url\((?!#)|href|on\w+=", text) == []
    assert set(re.findall(r"https?://[^\"<\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "prefers-color-scheme: dark" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_parts_of_flow_a_are_told_apart() -> None:
    root = ET.fromstring(svg(machine(ROOT / "statemachines/resource_sync/resource_sync.asl.json")))  # noqa: S314 - our own text
    kinds = {group.get("data-state"): group.get("class") for group in root.iter(f"{SVG}g") if group.get("data-state")}
    assert kinds == {
        "read_csv": "state task file",
        "enrich per chunk": "state map frame other",
        "enrich": "state task lambda",
        "enrich waits as told": "state wait wait",
        "resource to latest in one transaction": "state task transaction db",
        "announce_resource to announce_version per chunk": "state map frame other",
        "announce_resource": "state task api committed",
        "announce_resource waits as told": "state wait wait",
        "announce_version": "state task api committed",
        "announce_version waits as told": "state wait wait",
    }
    rows = [group.get("data-step") for group in root.iter(f"{SVG}g") if "step" in group.get("class", "").split()]
    assert rows == ["resource", "latest_before", "new_version", "insert_version", "update_version", "latest"]


def leaf(at: int) -> st.SearchStrategy[dict[str, Any]]:
    call = {"type": "api.call", "method": "POST", "path": "/" + "a" * (at * 9 % 70)}
    return st.sampled_from(
        [call, {"type": "lambda.invoke", "payload": {"x": 1}}, {"type": "db.insert", "table": "t", "mapping": {"a": "x"}}]
    )


def conditional(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    ways = st.tuples(st.lists(inner, min_size=1, max_size=3), st.lists(inner, max_size=3))
    return ways.map(lambda way: {"type": "conditional", "if": "{{ 1 == 1 }}", "then": way[0], **_otherwise(way[1])})


def _otherwise(steps: list[Any]) -> dict[str, Any]:
    return {"else": steps} if steps else {}


STEPS = st.lists(
    st.tuples(st.recursive(st.integers(0, 20).flatmap(leaf), conditional, max_leaves=6), st.booleans()), min_size=1, max_size=4
)


def named(steps: list[dict[str, Any]], numbers: Iterator[int]) -> list[dict[str, Any]]:
    """The steps with ids, some short and some as long as they may be."""
    found = []
    for step in steps:
        at = next(numbers)
        branches = {name: named(step[name], numbers) for name in ("then", "else") if name in step}
        table = {"table": f"t{at}"} if "table" in step else {}
        found.append({"id": f"step_{at}" + "_of_a_long_name"[: at % 3 * 9], **step, **branches, **table})
    return found


@settings(deadline=None, max_examples=40)
@given(drawn_steps=STEPS, scope=st.sampled_from([None, "chunk"]))
def test_any_job_is_drawn_without_one_thing_over_another(
    drawn_steps: list[tuple[dict[str, Any], bool]], scope: str | None
) -> None:
    batch = {"batch": {"from": "{{ params.items }}", "as": "row"}}
    written = [({"type": "db.insert", "table": "t", "mapping": {"a": "x"}}, True)] if scope else []
    steps = named([{**step, **(batch if over else {})} for step, over in [*drawn_steps, *written]], count())
    document = {
        "version": 2,
        "job": "any",
        "params": {"items": {"type": "list"}},
        "connections": {
            "db": {"type": "postgres", "url": "${env:PG_URL}"},
            "api": {"type": "http", "base_url": "${env:API_URL}"},
            "fn": {"type": "lambda", "function": "ingestor"},
        },
        **({"transaction": {"scope": scope, "connection": "db", "external": "inline"}} if scope else {}),
        "steps": steps,
    }
    job, findings = parse_job(yaml.safe_dump(document, sort_keys=False).encode(), "job.yaml", STEP_TYPES, CONNECTION_TYPES)
    assert (findings, job is not None) == ([], True)
    assert job is not None
    hold(compile_job(job, lambda _: 900).definition)


@given(text=st.text(min_size=1, max_size=80), limit=st.integers(60, 300), lines=st.integers(1, 3), bold=st.booleans())
def test_wrapped_text_fits_and_nothing_is_lost_unseen(text: str, limit: int, lines: int, bold: bool) -> None:
    found = wrap(text, limit, 12, lines=lines, bold=bold)
    assert len(found) <= lines
    assert all(width(line, 12, bold=bold) <= limit for line in found)
    if not found[-1].endswith(ELLIPSIS):
        assert "".join("".join(found).split()) == "".join(text.split())
