"""From a definition to a machine that can run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portl_cli.engine._check import Finding, MachineError, check
from portl_cli.engine._limits import AWS_LIMITS, MACHINE_NAME, Limits
from portl_cli.engine._states import choice, fail, map, parallel, pass_, succeed, task, wait  # noqa: A004 - named after the state
from portl_cli.engine._states.base import Region, State

if TYPE_CHECKING:
    from portl_cli.engine._data import Json
    from portl_cli.engine._states.fields import Definition

_READERS: Mapping[str, Callable[[str, Definition], State]] = {
    "Task": task.read,
    "Choice": choice.read,
    "Pass": pass_.read,
    "Wait": wait.read,
    "Succeed": succeed.read,
    "Fail": fail.read,
}
_OUTER_READERS: Mapping[str, Callable[[str, Definition, Callable[[Definition], Region]], State]] = {
    "Map": map.read,
    "Parallel": parallel.read,
}
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Machine:
    """A checked state machine, ready to be executed any number of times. ``timeout`` is in seconds."""

    name: str
    definition: Mapping[str, Any]
    region: Region
    timeout: float | None


def load_machine(
    definition: Mapping[str, Any],
    *,
    substitutions: Mapping[str, str] | None = None,
    name: str = "machine",
    limits: Limits = AWS_LIMITS,
) -> Machine:
    """Checks a definition and makes it ready.

    ``substitutions`` fill ``${Key}`` as DefinitionSubstitutions of a SAM template do, usually with names of functions;
    without them placeholders stay as they are. ``name`` is ``$states.context.StateMachine.Name``.

    Raises:
        MachineError: the check found something; every finding is on it.
    """
    keys: Collection[str] | None = None if substitutions is None else set(substitutions)
    findings: list[Finding] = check(definition, substitution_keys=keys, limits=limits)
    if not 1 <= len(name) <= MACHINE_NAME:
        message = f"the name of a state machine has 1 to {MACHINE_NAME} characters, '{name}' has {len(name)}"
        findings.append(Finding("S201", "$", message, "give the job a shorter name"))
    if findings:
        raise MachineError(findings)
    filled = _substituted(definition, substitutions or {})
    return Machine(name, filled, _region(filled), filled.get("TimeoutSeconds"))


def _region(definition: Definition) -> Region:
    return Region(definition["StartAt"], {name: _state(name, body) for name, body in definition["States"].items()})


def _state(name: str, definition: Definition) -> State:
    kind = definition["Type"]
    if kind in _OUTER_READERS:
        return _OUTER_READERS[kind](name, definition, _region)
    return _READERS[kind](name, definition)


def _substituted(data: Json, substitutions: Mapping[str, str]) -> Json:
    if isinstance(data, str):
        return _PLACEHOLDER.sub(lambda found: substitutions.get(found[1], found[0]), data)
    if isinstance(data, Mapping):
        return {name: _substituted(one, substitutions) for name, one in data.items()}
    if isinstance(data, list):
        return [_substituted(one, substitutions) for one in data]
    return data
