"""Whether a helper or test can be called as an expression calls it: told when the expression is compiled, not by a record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any


def misfit(name: str, function: Callable[..., Any], count: int, names: Iterable[str]) -> str:
    """What is wrong with ``count`` arguments and those by ``names``; empty when they fit."""
    signature = _signature(function)
    if signature is None:
        return ""
    try:
        signature.bind(*range(count), **dict.fromkeys(names))
    except TypeError as problem:
        return f"{name}({', '.join(_shown(signature))}): {problem}".replace("'", '"')
    return "" if count else f"{name} needs a value"


@lru_cache(maxsize=256)
def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Without the environment that Jinja gives some of its filters; None where Python cannot tell."""
    try:
        found = inspect.signature(function)
    except ValueError:
        return None
    parameters = [*found.parameters.values()]
    return found.replace(parameters=parameters[1:] if hasattr(function, "jinja_pass_arg") else parameters)


def _shown(signature: inspect.Signature) -> Iterator[str]:
    for each in signature.parameters.values():
        if each.kind is each.VAR_POSITIONAL:
            yield f"*{each.name}"
        else:
            yield each.name if each.default is each.empty else f"[{each.name}]"
