"""What can be said of a JSONata expression without running it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

AWS_FUNCTIONS = frozenset({"partition", "range", "hash", "random", "uuid", "parse"})
"""https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn"""

Node = Any
"""A node of the library's syntax tree: a Parser.Symbol, whose attributes depend on its type."""

_REFUSED_OPERATORS = ("??", "?:")
_CHILDREN = (
    *("lhs", "rhs", "expression", "expressions", "lhs_object", "rhs_object", "procedure", "arguments", "body"),
    *("condition", "then", "_else"),
)
_IN_CONTEXT = ("predicate", "stages", "group", "terms", "expr", "pattern", "update", "delete")
_BUILTIN = frozenset(Jsonata.static_frame.bindings) | AWS_FUNCTIONS


class SyntaxProblem(Exception):
    """An expression does not parse (``refused`` False) or uses what Step Functions refuses (``refused`` True)."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Syntax:
    """The names an expression reads.

    ``variables`` are those it does not bind itself, without functions; ``guarded`` those it asks ``$exists`` about;
    ``states`` the fields of ``$states`` ("" for all of it); ``rootless`` what it reads from an input document, where none is.
    """

    variables: frozenset[str]
    guarded: frozenset[str]
    states: frozenset[str]
    rootless: tuple[str, ...]
    functions: frozenset[str]


class _Refused(Parser.Infix):  # type: ignore[misc]
    """Stands in the parser where an operator stands that Step Functions does not know."""

    def led(self, left: Node) -> Node:  # noqa: ARG002 - the library's signature
        raise SyntaxProblem(f"Step Functions does not know the operator `{self.id}`", refused=True)


def _parse(text: str) -> Node:
    parser = Parser()
    for operator in _REFUSED_OPERATORS:
        parser.symbol_table[operator] = _refused(parser, operator)
    try:
        return parser.parse(text)
    except SyntaxProblem:
        raise
    except JException as problem:
        raise SyntaxProblem(str(problem)) from None
    except Exception as problem:
        # The library's parser falls over some wrong input instead of refusing it.
        raise SyntaxProblem(f"not a JSONata expression ({type(problem).__name__})") from problem


def _refused(parser: Parser, operator: str) -> _Refused:
    symbol = _Refused(parser, operator)
    symbol.lbp = symbol.bp
    return symbol


class _Reader:
    def __init__(self) -> None:
        self.read: set[str] = set()
        self.bound: set[str] = set()
        self.guarded: set[str] = set()
        self.states: set[str] = set()
        self.rootless: list[str] = []
        self.functions: set[str] = set()

    def visit(self, node: Node, *, context: bool) -> None:
        if isinstance(node, list | tuple):
            for one in node:
                self.visit(one, context=context)
        elif isinstance(node, Parser.Symbol):
            self._bind(node)
            kind = {"path": self._path, "variable": self._variable, "function": self._function}.get(node.type)
            if kind is not None:
                kind(node, context)
            elif node.type in ("wildcard", "descendant") and not context:
                self.rootless.append(str(node.value))
            self._descend(node, context)

    def _descend(self, node: Node, context: bool) -> None:
        for field in _CHILDREN:
            self.visit(getattr(node, field), context=context)
        for field in _IN_CONTEXT:
            self.visit(getattr(node, field), context=True)

    def _bind(self, node: Node) -> None:
        if node.type == "bind":
            self.bound.add(str(node.lhs.value))
        elif node.type == "lambda":
            self.bound.update(str(one.value) for one in node.arguments)
        names = (node.focus, node.index, node.value if node.type == "index" else None)
        self.bound.update(name for name in names if isinstance(name, str))

    def _path(self, node: Node, context: bool) -> None:
        first, *rest = node.steps
        if first.type == "name" and not context:
            self.rootless.append(str(first.value))
        if first.type == "variable" and first.value == "states" and rest and rest[0].type == "name":
            self.states.add(str(rest[0].value))
            for field in _IN_CONTEXT:
                self.visit(getattr(first, field), context=True)
        else:
            self.visit(first, context=context)
        self.visit(rest, context=True)

    def _variable(self, node: Node, context: bool) -> None:
        name = str(node.value)
        if name in ("", "$"):
            if not context or name == "$":
                self.rootless.append("$" + name)
        elif name == "states":
            self.states.add("")
        else:
            self.read.add(name)

    def _function(self, node: Node, context: bool) -> None:  # noqa: ARG002 - one of three alike
        name = str(getattr(node.procedure, "value", ""))
        self.functions.add(name)
        if name == "exists":
            self.guarded.update(_variables_at_head(node.arguments))


def _variables_at_head(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        head = node.steps[0] if node.type == "path" else node
        if head.type == "variable":
            yield str(head.value)


@lru_cache(maxsize=4096)
def read_syntax(text: str) -> Syntax:
    """Parses an expression (without ``{% %}``) as Step Functions would.

    Raises:
        SyntaxProblem: it does not parse, or uses ``??``, ``?:`` or ``$eval``.
    """
    reader = _Reader()
    reader.visit(_parse(text), context=False)
    if "eval" in reader.read:
        raise SyntaxProblem("Step Functions does not know the function `$eval`", refused=True)
    return Syntax(
        variables=frozenset(reader.read - reader.bound - _BUILTIN),
        guarded=frozenset(reader.guarded),
        states=frozenset(reader.states),
        rootless=tuple(reader.rootless),
        functions=frozenset(reader.functions),
    )
