"""The definition as regions and states, without whatever has not the shape of one: other rules can look without fear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portl_cli.engine._check._finding import inside

if TYPE_CHECKING:
    from portl_cli.engine._data import Json


@dataclass(frozen=True, slots=True)
class Way:
    """A transition: where it is written, where it leads, and the variables it assigns."""

    path: str
    target: Any
    assigns: frozenset[str]


@dataclass(slots=True)
class StateView:
    """A state of the definition and its place."""

    name: str
    path: str
    body: Mapping[str, Any]
    region: RegionView
    regions: list[RegionView] = field(default_factory=list)

    @property
    def kind(self) -> Json:
        return self.body.get("Type")

    def entries(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The objects of a list such as Catch, with their places."""
        listed = self.body.get(name)
        for at, one in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(one, Mapping):
                yield inside(self.path, name, at), one

    def ways(self) -> Iterator[Way]:
        """Every transition out of the state."""
        yield from _way(self.path, self.body, "Next")
        yield from _way(self.path, self.body, "Default")
        for name in ("Choices", "Catch"):
            for path, entry in self.entries(name):
                yield from _way(path, entry, "Next")

    def assigned(self) -> dict[str, str]:
        """Every variable that the state can assign, with the place."""
        places = [(self.path, self.body), *self.entries("Choices"), *self.entries("Catch")]
        return {name: inside(path, "Assign", name) for path, body in places for name in _names(body)}


@dataclass(slots=True)
class RegionView:
    """States that run together and may only lead to each other; ``parent`` is the Map or Parallel they stand in."""

    path: str
    body: Mapping[str, Any]
    parent: StateView | None
    distributed: bool
    states: dict[str, StateView] = field(default_factory=dict)

    def walk(self) -> Iterator[RegionView]:
        """This region and all inside it."""
        yield self
        for state in self.states.values():
            for region in state.regions:
                yield from region.walk()

    def all_states(self) -> Iterator[StateView]:
        for region in self.walk():
            yield from region.states.values()


def outline(definition: Mapping[str, Any]) -> RegionView:
    """The outline of a whole definition."""
    return _region("$", definition, None, distributed=False)


def _region(path: str, body: Mapping[str, Any], parent: StateView | None, *, distributed: bool) -> RegionView:
    region = RegionView(path, body, parent, distributed)
    states = body.get("States")
    for name, state in (states if isinstance(states, Mapping) else {}).items():
        if isinstance(name, str) and isinstance(state, Mapping):
            region.states[name] = _state(name, inside(path, "States", name), state, region)
    return region


def _state(name: str, path: str, body: Mapping[str, Any], region: RegionView) -> StateView:
    state = StateView(name, path, body, region)
    processor = body.get("ItemProcessor")
    if state.kind == "Map" and isinstance(processor, Mapping):
        config = processor.get("ProcessorConfig")
        distributed = isinstance(config, Mapping) and config.get("Mode") == "DISTRIBUTED"
        state.regions.append(_region(inside(path, "ItemProcessor"), processor, state, distributed=distributed))
    if state.kind == "Parallel":
        state.regions.extend(_region(place, branch, state, distributed=False) for place, branch in state.entries("Branches"))
    return state


def _way(path: str, body: Mapping[str, Any], name: str) -> Iterator[Way]:
    if name in body:
        yield Way(inside(path, name), body[name], frozenset(_names(body)))


def _names(body: Mapping[str, Any]) -> list[str]:
    assign = body.get("Assign")
    return [name for name in assign if isinstance(name, str)] if isinstance(assign, Mapping) else []
