"""JSONata by a kept library, with its edges taken off: its null and its sequences never leave this file."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jsonata.functions import Functions
from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from portl_cli.engine._aws_functions import FUNCTIONS
from portl_cli.engine._syntax import Syntax, read_syntax

if TYPE_CHECKING:
    from datetime import datetime

    from portl_cli.engine._data import Json

_NULL: Final = Utils.NULL_VALUE
_PATH = re.compile(r"\$([A-Za-z_]\w*)((?:\.(?!(?:and|or|in)\b)[A-Za-z_]\w*)*)", re.ASCII)


class Undefined:
    """The result of an expression that found nothing; JSON has no word for it."""


UNDEFINED: Final = Undefined()


class QueryProblem(Exception):
    """An expression was stopped by an error, or its result is no JSON."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """What an expression can see: the fields of ``$states``, the variables, and the time for ``$now()``."""

    states: Mapping[str, Json]
    variables: Mapping[str, Json]
    now: Callable[[], datetime]


class Expression:
    """A parsed expression. Evaluating changes neither it nor what it is given, so threads may share it.

    Raises:
        SyntaxProblem: as ``read_syntax``.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.syntax: Syntax = read_syntax(source)
        self._path = _path_of(source)
        self._engine = _engine_of(source)
        self._uses_time = not self.syntax.functions.isdisjoint({"now", "millis"})

    def evaluate(self, bindings: Bindings) -> Json | Undefined:
        """The result as plain JSON, or UNDEFINED.

        Raises:
            QueryProblem: the evaluation failed, or the result holds a function, NaN or Infinity.
        """
        if self._path:
            found = _walk(self._path, bindings)
            if found is not NotImplemented:
                return found
        try:
            result = self._engine.evaluate(None, self._frame(bindings))
        except Exception as problem:
            # The library lets Python's own errors through (1/0, $number('x')).
            raise QueryProblem(f"{getattr(problem, 'error', None) or type(problem).__name__}: {problem}") from problem
        return UNDEFINED if result is None else _plain(result)

    def _frame(self, bindings: Bindings) -> dict[str, Any]:
        frame = {name: _nulled(bindings.variables[name]) for name in self.syntax.variables if name in bindings.variables}
        if self.syntax.states:
            wanted = bindings.states if "" in self.syntax.states else self.syntax.states
            frame["states"] = {name: _nulled(bindings.states[name]) for name in wanted if name in bindings.states}
        if self._uses_time:
            frame.update(_time_functions(bindings.now()))
        return frame


def _path_of(source: str) -> tuple[str, ...]:
    found = _PATH.fullmatch(source)
    return tuple(source[1:].split(".")) if found else ()


def _walk(path: tuple[str, ...], bindings: Bindings) -> Json:
    """The shortcut for ``$a.b.c``: as the library's answer, as long as there is no array on the way."""
    value: Any = {"states": bindings.states} if path[0] == "states" else bindings.variables
    for name in path:
        if isinstance(value, list):
            return NotImplemented
        if not isinstance(value, Mapping) or name not in value:
            # A variable that is not there may be a function of the library, which has its own message.
            return NotImplemented if value is bindings.variables else UNDEFINED
        value = value[name]
    return value


@lru_cache(maxsize=4096)
def _engine_of(source: str) -> Jsonata:
    engine = Jsonata(source)
    engine.set_validate_input(False)
    engine.set_output_convert_nulls(False)
    for name, function in FUNCTIONS.items():
        engine.register_lambda(name, function)
    # The library works in the newest engine of each thread, whichever is asked: without this one thread's variables would
    # for a moment be those that another thread's evaluation of that engine starts from.
    Jsonata.CURRENT.jsonata = copy.copy(engine)
    return engine


def _time_functions(now: datetime) -> dict[str, Any]:
    """The library's own read the time of the expression that was parsed last, whatever is evaluated."""
    millis = int(now.timestamp() * 1000)

    def written(picture: str | None = None, zone: str | None = None) -> Json:
        return Functions.datetime_from_millis(millis, picture, zone)

    return {"now": Jsonata.JLambda(written), "millis": Jsonata.JLambda(lambda: millis)}


def _nulled(value: Json) -> Json:
    """The value with JSON's null as the library wants it; what holds none is handed over as it is."""
    if value is None:
        return _NULL
    if isinstance(value, dict):
        changed = {name: _nulled(one) for name, one in value.items()}
        return changed if any(changed[name] is not one for name, one in value.items()) else value
    if isinstance(value, list):
        items = [_nulled(one) for one in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _plain(value: Json) -> Json:
    if value is None or value is _NULL:
        return None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise QueryProblem("the result is not a finite number")
        return value
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    raise QueryProblem("the result is a function or a pattern, which is no JSON")
