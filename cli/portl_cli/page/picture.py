"""The machine's picture with what happened written into it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from portl.runs import FAILED
from portl.values import redact
from portl_cli.compile.picture import svg
from portl_cli.page.course import Course, Visits
from portl_cli.page.words import count, counts, duration, short

OUTCOMES = {
    "done": "done",
    "retried": "done, after retries",
    "caught": "an error was caught",
    "waited": "waited as told",
    "failed": "failed",
    "stopped": "stopped on the way",
    "none": "not reached",
}
"""What became of a state, and how the page says it."""
LONGEST_ERROR = 600
_NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'
"""Not wanted inside HTML, where ``svg`` is known."""


def outcome(kind: str, visits: Visits | None) -> str:
    """One of OUTCOMES, for a state of a kind (``Task``, ``Wait`` and so on)."""
    if visits is None or not visits.entered:
        return "none"
    if visits.left < visits.entered:
        return "failed" if visits.failed else "stopped"
    if kind.lower() == "wait" or visits.asked:
        return "waited"
    if visits.retried:
        return "retried"
    return "caught" if visits.failed else "done"


def picture(definition: Mapping[str, Any], course: Course, by_step: Mapping[str, Mapping[str, int]], failed_step: str) -> str:
    """The SVG of a definition for use inside HTML: each state has its outcome as a class ``is-…``, its count and its errors."""
    root = ET.fromstring(svg(definition).replace(_NAMESPACE, "", 1))  # noqa: S314 - our own text
    for group in root.iter("g"):
        state, step = group.get("data-state"), group.get("data-step")
        if state is not None:
            _fill_state(group, state, course.states.get(state), by_step)
        elif step is not None:
            _add_title(group, counts(by_step.get(step, {})))
            if step == failed_step:
                group.set("class", f"{group.get('class')} is-failed")
    for element in root.iter():
        if element.tag in ("text", "title") and element.text:
            element.text = redact(element.text)
    root.set("aria-label", "the state machine of this run")
    return ET.tostring(root, encoding="unicode")


def _fill_state(group: ET.Element, state: str, visits: Visits | None, by_step: Mapping[str, Mapping[str, int]]) -> None:
    kinds = group.get("class", "").split()
    found = outcome(kinds[1], visits)
    group.set("class", " ".join([*kinds, f"is-{found}"]))
    _add_title(group, OUTCOMES[found])
    if visits is not None and visits.error and found != "waited":
        _add_title(group, short(visits.error, LONGEST_ERROR))
    failed = sum(by_step.get(step, {}).get(FAILED, 0) for step in _own_steps(group, state))
    said = _said(kinds, visits, _records(group, state, by_step), failed)
    text = next(child for child in group if child.tag == "text" and child.get("class") == "count")
    text.text = said if visits else OUTCOMES["none"]


def _records(group: ET.Element, state: str, by_step: Mapping[str, Mapping[str, int]]) -> int:
    """How many records a state handled: those of its step, or the most that a step of its transaction did."""
    return max(sum(by_step.get(step, {}).values()) for step in _own_steps(group, state))


def _own_steps(group: ET.Element, state: str) -> set[str]:
    """The step of a state, or those of its transaction."""
    inside = [each.get("data-step") for each in group.iter("g")] if "transaction" in group.get("class", "").split() else []
    return {step or "" for step in (group.get("data-step") or state, *inside)}


def _said(kinds: list[str], visits: Visits | None, records: int, failed: int) -> str:
    """``3,500 records · 3.0 s``, and what was kept aside."""
    if visits is None:
        return ""
    if "wait" in kinds:
        return f"{count(visits.entered, 'wait')} · {duration(visits.seconds)}"
    if "choice" in kinds:
        return count(visits.entered, "time")
    how_many = count(visits.children, "chunk") if visits.children else count(records, "record") if records else ""
    wall = duration(visits.wall_s) if visits.last else ""
    again = f"{count(visits.retried)} retried" if visits.retried else ""
    aside = f"{count(failed)} kept aside" if failed else ""
    said = [part for part in (how_many, wall, again, aside) if part]
    return " · ".join(said or [count(visits.entered, "time")])


def _add_title(group: ET.Element, text: str) -> None:
    title = group.find("title")
    if title is not None:
        title.text = f"{title.text or ''}\n{text}".strip()
