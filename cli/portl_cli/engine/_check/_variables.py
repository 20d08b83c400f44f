"""S3: variables are assigned before they are read, and visible where they are read.

https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portl_cli.engine._check._expressions import Slot, slots, syntax_of
from portl_cli.engine._check._finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portl_cli.engine._check._outline import RegionView, StateView

_NAME = re.compile(r"[^\W\d]\w{0,79}")


@dataclass(frozen=True, slots=True)
class _Known:
    """The names at the beginning of a region: surely assigned, perhaps assigned, and assigned out of its sight."""

    surely: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()


def check_variables(machine: RegionView) -> Iterator[Finding]:
    yield from _check_region(machine, _Known())


def _check_region(region: RegionView, known: _Known) -> Iterator[Finding]:
    yield from _check_assigned(region, known)
    here = known.perhaps.union(*(state.assigned() for state in region.states.values()))
    for name, surely in _surely_at(region, known.surely).items():
        state = region.states[name]
        at = _Known(surely, here, known.hidden)
        for slot in slots(state):
            yield from _check_slot(slot, at)
        for inner in state.regions:
            outside = here | known.hidden
            yield from _check_region(inner, _Known(hidden=outside) if inner.distributed else at)


def _check_assigned(region: RegionView, known: _Known) -> Iterator[Finding]:
    for state in region.states.values():
        for name, path in state.assigned().items():
            if not _NAME.fullmatch(name) or name == "states":
                hint = "letters, digits and _, not a digit first, at most 80"
                yield Finding("S305", path, f"a variable cannot be named '{name}'", hint)
            if name in known.perhaps | known.hidden:
                yield Finding("S304", path, f"${name} is assigned outside already", "give it another name inside")


def _surely_at(region: RegionView, start: frozenset[str]) -> dict[str, frozenset[str]]:
    """Per state that can be reached, the variables assigned on every way to it."""
    first = region.body.get("StartAt")
    if not isinstance(first, str) or first not in region.states:
        return {}
    found = {first: start}
    waiting = [first]
    while waiting:
        state = region.states[waiting.pop()]
        for target, names in _arrivals(state, found[state.name]):
            before = found.get(target)
            after = names if before is None else before & names
            if target in region.states and after != before:
                found[target] = after
                waiting.append(target)
    return found


def _arrivals(state: StateView, surely: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for way in state.ways():
        if isinstance(way.target, str):
            yield way.target, surely | way.assigns


def _check_slot(slot: Slot, known: _Known) -> Iterator[Finding]:
    syntax = syntax_of(slot)
    if syntax is None:
        return
    for name in sorted(syntax.variables - known.surely):
        if name in known.perhaps:
            if name not in syntax.guarded:
                hint = f"ask $exists(${name}) first, or assign it on every way"
                yield Finding("S302", slot.path, f"${name} is not assigned on every way to this state", hint)
        elif name in known.hidden:
            hint = "hand it in by ItemSelector"
            yield Finding("S303", slot.path, f"a child of a distributed Map does not see ${name}", hint)
        else:
            yield Finding("S301", slot.path, f"nothing assigns ${name}")
