from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.exceptions import SecurityError

from portl.errors import MissingReference, TemplateError
from portl.values._helpers import MOST_CHARACTERS
from portl.values._json import as_text
from portl.values._sandbox import Sandbox, check_names

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """What an expression reads: ``steps.x[idx].y`` is ``("steps", "x", None, "y")``, None for a place worked out only later.

    ``offset`` is where it stands in the string, in characters.
    """

    path: tuple[str | int | None, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A JSON value whose strings may hold ``{{ expressions }}``, compiled once, rendered for any number of scopes."""

    render: Callable[[Scope], Any] = field(repr=False)
    """Gives the value for a scope. Raises MissingReference (T110) or TemplateError."""
    references: tuple[Reference, ...] = ()
    helpers: tuple[str, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether there is no expression in it."""
        return not self.references and not self.helpers


def compile_value(value: Any, *, functions: Mapping[str, Callable[..., Any]] | None = None) -> Compiled:
    """Compiles a JSON value. A string that is exactly one ``{{ expr }}`` keeps the expression's type, others become text.

    Args:
        value: text, number, bool, null, list or mapping.
        functions: helpers besides the usual ones, by name.

    Raises:
        TemplateError: T101 syntax, T102 a statement or comment, T103 an unknown helper; ``offset`` says where.
    """
    sandbox = _sandbox(tuple((functions or {}).items()))
    return _compile(value, sandbox)


@lru_cache(maxsize=8)
def _sandbox(functions: tuple[tuple[str, Callable[..., Any]], ...]) -> Sandbox:
    return Sandbox(dict(functions))


def _compile(value: Any, sandbox: Sandbox) -> Compiled:
    if isinstance(value, str):
        return _text(value, sandbox)
    if isinstance(value, dict):
        return _mapping({str(key): _compile(item, sandbox) for key, item in value.items()})
    if isinstance(value, list):
        return _list([_compile(item, sandbox) for item in value])
    return Compiled(lambda _: value)


def _mapping(items: dict[str, Compiled]) -> Compiled:
    def render(scope: Scope) -> dict[str, Any]:
        return {key: item.render(scope) for key, item in items.items()}

    return Compiled(render, *_gathered(list(items.values())))


def _list(items: list[Compiled]) -> Compiled:
    def render(scope: Scope) -> list[Any]:
        return [item.render(scope) for item in items]

    return Compiled(render, *_gathered(items))


def _gathered(items: list[Compiled]) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
    return (
        tuple(reference for item in items for reference in item.references),
        tuple(helper for item in items for helper in item.helpers),
    )


def _text(text: str, sandbox: Sandbox) -> Compiled:
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return Compiled(lambda _: text)
    parts = [
        part if isinstance(part, str) else _expression(part[1], part[0], sandbox) for part in _split(text, sandbox)
    ]
    inner = [part for part in parts if isinstance(part, Compiled)]
    solid = [part for part in parts if isinstance(part, Compiled) or part.strip()]
    if len(inner) == 1 and len(solid) == 1:
        return inner[0]

    def render(scope: Scope) -> str:
        whole = "".join(part if isinstance(part, str) else as_text(part.render(scope)) for part in parts)
        if len(whole) > MOST_CHARACTERS:
            raise TemplateError("the text is longer than 1 MiB", code="T104")
        return whole

    return Compiled(render, *_gathered(inner))


def _split(text: str, sandbox: Sandbox) -> Iterator[str | tuple[int, str]]:
    """The plain parts, and the expressions with the place where each begins."""
    at, start, expression = 0, 0, ""
    try:
        for _, kind, raw in sandbox.lex(text):
            if kind in ("block_begin", "comment_begin"):
                problem = TemplateError(f"{raw.strip()} is not for jobs", code="T102", hint="only {{ expressions }}")
                raise _at(problem, at)
            if kind == "data":
                yield raw
            elif kind == "variable_begin":
                start, expression = at + len(raw), ""
            elif kind == "variable_end":
                yield start, expression
            else:
                expression += raw
            at += len(raw)
    except TemplateSyntaxError as problem:
        raise _at(TemplateError(_syntax(problem), code="T101"), at) from problem


def _at(problem: TemplateError, offset: int) -> TemplateError:
    problem.offset = offset
    return problem


def _syntax(problem: TemplateSyntaxError) -> str:
    return f"the expression is not valid: {problem.message}"


def _expression(source: str, offset: int, sandbox: Sandbox) -> Compiled:
    shown = source.strip()
    lead = len(source) - len(source.lstrip())
    try:
        tree = sandbox.parse("{{" + shown + "}}")
        helpers = check_names(tree, sandbox)
        run = sandbox.compile_expression(shown, undefined_to_none=False)
    except TemplateSyntaxError as problem:
        raise _at(TemplateError(f"{_syntax(problem)} in {{{{ {shown} }}}}", code="T101"), offset + lead) from problem
    except TemplateError as problem:
        raise _at(problem, offset + lead) from None
    references = tuple(_references(tree, shown, offset + lead, sandbox))
    return Compiled(_guarded(run, shown), references, tuple(helpers))


def _guarded(run: Callable[..., Any], shown: str) -> Callable[[Scope], Any]:
    def render(scope: Scope) -> Any:
        try:
            value = run(scope)
        except UndefinedError as problem:
            raise _missing(str(problem.message), shown) from None
        except SecurityError as problem:
            text = f"{{{{ {shown} }}}} is not allowed: {problem}"
            raise TemplateError(text, code="T102", hint="use the helpers; values have no methods here") from None
        except TemplateError:
            raise
        except Exception as problem:
            detail = f"{type(problem).__name__}: {problem}"[:200]
            raise TemplateError(f"{{{{ {shown} }}}} failed: {detail}", code="T105", hint="look at the value it gets") from None
        if isinstance(value, Undefined):
            raise _missing(str(value._undefined_message), shown)  # noqa: SLF001 - Jinja keeps its reason only there
        return value

    return render


def _missing(reason: str, shown: str) -> MissingReference:
    hint = "take what is there, or allow for its absence with default() or coalesce()"
    return MissingReference(f"{{{{ {shown} }}}}: {reason}", code="T110", hint=hint)


def _references(tree: nodes.Node, source: str, offset: int, sandbox: Sandbox) -> Iterator[Reference]:
    if isinstance(tree, (nodes.Getattr, nodes.Getitem, nodes.Name)):
        path = _chain(tree)
        if path is not None:
            if len(path) > 1 or path[0] not in sandbox.functions:
                yield Reference(path, offset + _position(path, source))
            yield from _indexes(tree, source, offset, sandbox)
            return
    for child in tree.iter_child_nodes():
        yield from _references(child, source, offset, sandbox)


def _indexes(tree: nodes.Node, source: str, offset: int, sandbox: Sandbox) -> Iterator[Reference]:
    while isinstance(tree, (nodes.Getattr, nodes.Getitem)):
        if isinstance(tree, nodes.Getitem):
            yield from _references(tree.arg, source, offset, sandbox)
        tree = tree.node


def _chain(tree: nodes.Node) -> tuple[str | int | None, ...] | None:
    if isinstance(tree, nodes.Name):
        return (tree.name,)
    if isinstance(tree, (nodes.Getattr, nodes.Getitem)):
        head = _chain(tree.node)
        if head is None:
            return None
        if isinstance(tree, nodes.Getattr):
            return (*head, tree.attr)
        constant = tree.arg.value if isinstance(tree.arg, nodes.Const) else None
        return (*head, constant if isinstance(constant, (str, int)) else None)
    return None


def _position(path: tuple[str | int | None, ...], source: str) -> int:
    words = [re.escape(str(part)) for part in path if isinstance(part, str)]
    for end in range(len(words), 0, -1):
        found = re.search(r"\b" + r"[^A-Za-z0-9_]+(?:\w+\W+)?".join(words[:end]) + r"\b", source)
        if found:
            return found.start()
    return 0
