"""S4: every ``{% expression %}`` parses, uses what Step Functions has, and reads what is there.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portl_cli.engine._check._finding import Finding, inside
from portl_cli.engine._syntax import Syntax, SyntaxProblem, read_syntax
from portl_cli.engine._value import CLOSE, OPEN, expression_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portl_cli.engine._check._outline import RegionView, StateView
    from portl_cli.engine._data import Json

_INPUT = frozenset({"input", "context"})
_RESULT = _INPUT | {"result"}
_ERROR = _INPUT | {"errorOutput"}
_BEFORE = ("Arguments", "Items", "ItemSelector", "MaxConcurrency", "Seconds", "Timestamp", "TimeoutSeconds", "Error", "Cause")
_AFTER = ("Output", "Assign")
_WITH_RESULT = ("Task", "Map", "Parallel")


@dataclass(frozen=True, slots=True)
class Slot:
    """A text of the definition that may be an expression; ``sees`` are the fields of ``$states`` that are there."""

    path: str
    text: str
    sees: frozenset[str]


def slots(state: StateView) -> Iterator[Slot]:
    """Every text of a state that Step Functions would look at for an expression, without the states inside it."""
    for name in _BEFORE:
        yield from _texts(inside(state.path, name), state.body.get(name), _INPUT)
    after = _RESULT if state.kind in _WITH_RESULT else _INPUT
    for name in _AFTER:
        yield from _texts(inside(state.path, name), state.body.get(name), after)
    for field, sees in (("Choices", _INPUT), ("Catch", _ERROR)):
        for path, entry in state.entries(field):
            for name in ("Condition", *_AFTER):
                yield from _texts(inside(path, name), entry.get(name), sees)


def syntax_of(slot: Slot) -> Syntax | None:
    """The names a slot reads; None where it is no expression, or one that does not parse."""
    source = expression_in(slot.text)
    try:
        return None if source is None else read_syntax(source)
    except SyntaxProblem:
        return None


def check_expressions(machine: RegionView) -> Iterator[Finding]:
    for state in machine.all_states():
        for slot in slots(state):
            yield from _check_slot(slot)


def _texts(path: str, value: Json, sees: frozenset[str]) -> Iterator[Slot]:
    if isinstance(value, str):
        yield Slot(path, value, sees)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(inside(path, str(name)), one, sees)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _texts(inside(path, at), one, sees)


def _check_slot(slot: Slot) -> Iterator[Finding]:
    source = expression_in(slot.text)
    if source is None:
        if slot.text.startswith(OPEN) or slot.text.endswith(CLOSE):
            yield Finding("S404", slot.path, "an expression begins with {% and ends with %}, with nothing around them")
        return
    try:
        syntax = read_syntax(source)
    except SyntaxProblem as problem:
        yield Finding("S402" if problem.refused else "S401", slot.path, str(problem))
        return
    for name in sorted(syntax.states - slot.sees - {""}):
        hint = f"here are {', '.join(sorted(slot.sees))}"
        yield Finding("S403", slot.path, f"there is no $states.{name} in this field", hint)
    for name in syntax.rootless:
        yield Finding(
            "S405", slot.path, f"`{name}` reads an input document, and Step Functions gives none", "begin with $states.input"
        )
