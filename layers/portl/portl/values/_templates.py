"""JSON values whose strings hold expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from portl.values._expression import Expression, Scope, compile_expression
from portl.values._json import as_text
from portl.values._limits import joined
from portl.values._sandbox import Sandbox
from portl.values._syntax import Reference
from portl.values._unknown import Uncertain, Unknown, text_with
from portl.values._words import cut_words, refused


@dataclass(frozen=True, slots=True)
class Compiled:
    """A JSON value whose strings may hold ``{{ expressions }}``, compiled once, rendered for any number of scopes.

    ``references`` are what its expressions read, ``helpers`` the ``(name, offset)`` of what they call. Threads may share it.
    """

    render: Callable[[Scope], Any] = field(repr=False)
    """Gives the value for a scope. Raises MissingReference (T110) or TemplateError (T104 too large, T105 failed)."""
    references: tuple[Reference, ...] = ()
    helpers: tuple[tuple[str, int], ...] = ()

    @property
    def constant(self) -> bool:
        """Whether it reads nothing and calls nothing: every scope gives the same."""
        return not self.references and not self.helpers


def compile_value(value: Any, *, functions: Mapping[str, Callable[..., Any]] | None = None) -> Compiled:
    """Compiles a JSON value. A string that is exactly one ``{{ expr }}`` keeps the expression's type, others become text.

    Inside text null is nothing, true and false are written as in JSON, lists and mappings as JSON, dates in ISO 8601.

    Args:
        value: text, number, bool, null, list or mapping. Only its strings are templates, not the keys of mappings.
        functions: helpers besides the usual ones, by name. What they raise of Portl's own errors passes through.

    Raises:
        TemplateError: T101 syntax, T102 a statement, a comment or what the sandbox refuses, T103 an unknown helper,
            T109 one with other arguments than it takes; ``offset`` says where.
    """
    return _compile(value, tuple((functions or {}).items()))


@lru_cache(maxsize=8)
def _sandbox(functions: tuple[tuple[str, Callable[..., Any]], ...]) -> Sandbox:
    return Sandbox(dict(functions))


def _compile(value: Any, functions: tuple[tuple[str, Callable[..., Any]], ...]) -> Compiled:
    if isinstance(value, str):
        return _text(value, functions)
    if isinstance(value, dict):
        return _mapping({_key(key): _compile(item, functions) for key, item in value.items()})
    if isinstance(value, list):
        return _list([_compile(item, functions) for item in value])
    return Compiled(lambda _: value)


def _key(key: Any) -> str:
    if "{{" in str(key):
        raise refused(f'the key "{key}" is a template', "T102", 0, "keys are plain text")
    return str(key)


def _mapping(items: dict[str, Compiled]) -> Compiled:
    def render(scope: Scope) -> dict[str, Any]:
        return {key: item.render(scope) for key, item in items.items()}

    return _gathered(render, items.values())


def _list(items: list[Compiled]) -> Compiled:
    def render(scope: Scope) -> list[Any]:
        return [item.render(scope) for item in items]

    return _gathered(render, items)


def _gathered(render: Callable[[Scope], Any], items: Iterable[Compiled | Expression]) -> Compiled:
    parts = list(items)
    references = tuple(reference for item in parts for reference in item.references)
    return Compiled(render, references, tuple(helper for item in parts for helper in item.helpers))


@lru_cache(maxsize=2_048)
def _text(text: str, functions: tuple[tuple[str, Callable[..., Any]], ...]) -> Compiled:
    sandbox = _sandbox(functions)
    parts = [part if isinstance(part, str) else compile_expression(part, sandbox) for part in cut_words(text, sandbox)]
    inner = [part for part in parts if isinstance(part, Expression)]
    if not inner:
        return Compiled(lambda _: text)
    if len(inner) == 1 and not any(isinstance(part, str) and part.strip() for part in parts):
        return _gathered(inner[0].value, inner)

    def render(scope: Scope) -> str | Unknown:
        try:
            return joined((part if isinstance(part, str) else as_text(part.value(scope)) for part in parts), "the text")
        except Uncertain:
            return text_with(part if isinstance(part, str) else _shown(part.value(scope)) for part in parts)

    return _gathered(render, inner)


def _shown(value: Any) -> str | Unknown:
    return value if isinstance(value, Unknown) else as_text(value)
