"""S203 to S206: every transition arrives, every state is reached, every part ends."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from portl_cli.engine._check._finding import Finding, inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portl_cli.engine._check._outline import RegionView, StateView

_ENDS = ("Succeed", "Fail")


def check_graph(machine: RegionView) -> Iterator[Finding]:
    for region in machine.walk():
        yield from _check_region(region)
    for state in machine.all_states():
        yield from _check_onward(state)


def _check_region(region: RegionView) -> Iterator[Finding]:
    start = region.body.get("StartAt")
    if isinstance(start, str) and start not in region.states:
        yield _nowhere(inside(region.path, "StartAt"), start, region)
        return
    for state in region.states.values():
        for way in state.ways():
            if isinstance(way.target, str) and way.target not in region.states:
                yield _nowhere(way.path, way.target, region)
    reached = reachable(region)
    for name, state in region.states.items():
        if name not in reached and isinstance(start, str):
            yield Finding("S204", state.path, f"nothing leads to the state '{name}'")
    if region.states and not any(_ends(region.states[name]) for name in reached) and isinstance(start, str):
        yield Finding(
            "S205", inside(region.path, "States"), "no state that can be reached ends here", "give one of them End: true"
        )


def reachable(region: RegionView) -> set[str]:
    """The names of the states that can be reached from StartAt."""
    start = region.body.get("StartAt")
    reached: set[str] = set()
    waiting = [start] if isinstance(start, str) else []
    while waiting:
        name = waiting.pop()
        if name in region.states and name not in reached:
            reached.add(name)
            waiting.extend(way.target for way in region.states[name].ways() if isinstance(way.target, str))
    return reached


def _ends(state: StateView) -> bool:
    return state.kind in _ENDS or state.body.get("End") is True


def _check_onward(state: StateView) -> Iterator[Finding]:
    if state.kind in ("Task", "Map", "Parallel", "Pass", "Wait") and ("Next" in state.body) == ("End" in state.body):
        yield Finding("S206", state.path, f"the state '{state.name}' needs either Next or End: true")


def _nowhere(path: str, target: str, region: RegionView) -> Finding:
    close = get_close_matches(target, region.states, 1)
    return Finding("S203", path, f"there is no state '{target}' here", f"did you mean '{close[0]}'?" if close else "")
