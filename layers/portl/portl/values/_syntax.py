"""One expression's tree: checked, its references found, and rewritten so that nothing missing goes unseen.

Jinja lets a missing value through in places (``x is none``, ``x in []``, ``[x]``). Here whatever must be there stands behind
the filter ``PRESENT``; only ``default``, ``coalesce`` and ``is defined`` see it bare. Calls become filters, ``~`` ``concat``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from jinja2 import nodes

from portl.errors import TemplateError
from portl.values._arguments import misfit
from portl.values._helpers import LENIENT, MAYBE
from portl.values._sandbox import PRESENT, SLICE, Sandbox
from portl.values._words import Source, refused

_NO_NAMES = frozenset({"self"})
"""Jinja gives this name an object of its own."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What an expression reads: ``steps.x[idx].y`` is ``("steps", "x", None, "y")``, None for a place worked out only later.

    ``offset`` is where it stands in the string, in characters.
    """

    path: tuple[str | int | None, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class _Chain:
    """``a.b[c]`` as far as it was read: its path (empty when it begins with no name), its text up to each of its parts."""

    node: nodes.Expr
    path: tuple[str | int | None, ...]
    names: tuple[str, ...]
    at: int = -1

    def then(self, node: nodes.Expr, part: str | int | None, shown: str) -> _Chain:
        """The chain with one part more."""
        return _Chain(node, (*self.path, part) if self.path else (), (*self.names, self.names[-1] + shown), self.at)


@dataclass(slots=True)
class Reading:
    """Goes through a tree once, in the order of the text."""

    source: Source
    sandbox: Sandbox
    references: list[Reference] = field(default_factory=list)
    helpers: list[tuple[str, int]] = field(default_factory=list)

    def strict(self, node: nodes.Expr) -> nodes.Expr:
        """The node, where its value must be there."""
        made, names = self._made(node)
        maybe = isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem, nodes.CondExpr)) or _helper(node) in MAYBE
        return self._filter(made, PRESENT, nodes.Const(names)) if maybe else made

    def lenient(self, node: nodes.Expr) -> nodes.Expr:
        """The node, where its value may be missing."""
        return self._made(node)[0]

    def _made(self, node: nodes.Expr) -> tuple[nodes.Expr, tuple[str, ...]]:
        if not isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem)):
            return self._other(node), ()
        chain = self._chain(node)
        self._note(chain)
        return chain.node, chain.names

    def _note(self, chain: _Chain) -> None:
        if chain.path:
            self.references[chain.at] = Reference(chain.path, self.references[chain.at].offset)

    def _chain(self, node: nodes.Expr) -> _Chain:
        if isinstance(node, nodes.Name):
            return self._name(node)
        if not isinstance(node, (nodes.Getattr, nodes.Getitem)):
            return _Chain(self.lenient(node), (), ("(…)",))
        inner = self._chain(node.node)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            return self._cut(inner, node.arg)
        node.node = inner.node
        if isinstance(node, nodes.Getattr):
            return inner.then(node, node.attr, f".{node.attr}")
        part, shown = _index(node.arg)
        node.arg = self.strict(node.arg)
        return inner.then(node, part, f"[{shown}]")

    def _name(self, node: nodes.Name) -> _Chain:
        if node.name in _NO_NAMES:
            raise self._refused(f'"{node.name}" cannot be a name')
        self.references.append(Reference((node.name,), self._place(node.name)))
        return _Chain(node, (node.name,), (node.name,), len(self.references) - 1)

    def _cut(self, inner: _Chain, bounds: nodes.Slice) -> _Chain:
        self._note(inner)
        limits = [self.strict(each) if each else nodes.Const(None) for each in (bounds.start, bounds.stop, bounds.step)]
        there = self._filter(inner.node, PRESENT, nodes.Const(inner.names))
        return _Chain(self._filter(there, SLICE, *limits), (), ("(…)",))

    def _other(self, node: nodes.Expr) -> nodes.Expr:
        match node:
            case nodes.BinExpr():
                node.left, node.right = self.strict(node.left), self.strict(node.right)
            case nodes.UnaryExpr():
                node.node = self.strict(node.node)
            case nodes.Compare():
                node.expr = self.strict(node.expr)
                for operand in node.ops:
                    operand.expr = self.strict(operand.expr)
            case nodes.CondExpr():
                node.expr1, node.test = self.lenient(node.expr1), self.strict(node.test)
                node.expr2 = self.lenient(node.expr2) if node.expr2 else None
            case nodes.Concat():
                first, *rest = [self.strict(part) for part in node.nodes]
                return self._filter(first, "concat", *rest)
            case nodes.Test():
                return self._test(node)
            case nodes.Filter() | nodes.Call():
                return self._help(node)
            case _:
                return self._literal(node)
        return node

    def _literal(self, node: nodes.Expr) -> nodes.Expr:
        if isinstance(node, (nodes.List, nodes.Tuple)):
            node.items = [self.strict(item) for item in node.items]
        elif isinstance(node, nodes.Dict):
            for pair in node.items:
                pair.key, pair.value = self.strict(pair.key), self.strict(pair.value)
        elif not isinstance(node, nodes.Const):
            raise self._refused(f"{type(node).__name__} is not for expressions")
        return node

    def _test(self, node: nodes.Test) -> nodes.Expr:
        use = self.lenient if node.name in ("defined", "undefined") else self.strict
        node.node = use(node.node)
        at = self._place(node.name)
        self._known("test", node.name, self.sandbox.tests, at)
        self._plain(node)
        test = cast(
            "Callable[..., Any]", self.sandbox.tests[node.name]
        )  # Jinja declares some of them as no more than functions
        self._fits(node.name, test, [node.node, *node.args], node.kwargs, at)
        node.args = [self.strict(each) for each in node.args]
        node.kwargs = self._named(node.kwargs)
        return node

    def _help(self, node: nodes.Filter | nodes.Call) -> nodes.Expr:
        """A helper, written as a filter or as a call: a filter."""
        name = _helper(node)
        if name is None:
            raise self._refused("only helpers can be called")
        self._plain(node)
        use = self.lenient if name in LENIENT else self.strict
        if isinstance(node, nodes.Filter):
            value = use(cast("nodes.Expr", node.node))
            self._used(name, [node.node, *node.args], node.kwargs)
            args = node.args
        else:
            self._used(name, node.args, node.kwargs)
            value, args = use(node.args[0]), node.args[1:]
        made = self._filter(value, name, *[use(each) for each in args])
        made.kwargs = self._named(node.kwargs)
        return made

    def _plain(self, node: nodes.Filter | nodes.Call | nodes.Test) -> None:
        if node.dyn_args or node.dyn_kwargs:
            raise self._refused("* and ** are not for arguments")

    def _named(self, pairs: list[Any]) -> list[Any]:
        """Arguments by name; Jinja declares their nodes differently for calls and filters."""
        for pair in pairs:
            pair.value = self.strict(pair.value)
        return pairs

    def _used(self, name: str, args: list[Any], pairs: list[Any]) -> None:
        at = self._place(name)
        self._known("helper", name, self.sandbox.helpers, at)
        self._fits(name, self.sandbox.helpers[name], args, pairs, at)
        self.helpers.append((name, at))

    def _fits(self, name: str, function: Callable[..., Any], args: list[Any], pairs: list[Any], at: int) -> None:
        wrong = misfit(name, function, len(args), [pair.key for pair in pairs])
        if wrong:
            raise refused(wrong, "T109", at, "what stands before | or is counts as the first one")

    def _known(self, kind: str, name: str, known: Iterable[str], at: int) -> None:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"there is {', '.join(sorted(known))}"
            raise refused(f'there is no {kind} "{name}"', "T103", at, hint)

    def _place(self, name: str) -> int:
        places = self.source.names.get(name)
        return places.popleft() if places else self.source.offset

    def _refused(self, message: str) -> TemplateError:
        return refused(message, "T102", self.source.offset, "values have no methods here; use the helpers")

    def _filter(self, node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
        return nodes.Filter(node, name, list(args), [], None, None, lineno=1)


def _helper(node: nodes.Expr) -> str | None:
    """The name of the helper that a filter or call uses."""
    if isinstance(node, nodes.Filter):
        return node.name
    if not isinstance(node, nodes.Call):
        return None
    return node.node.name if isinstance(node.node, nodes.Name) else None


def _index(node: nodes.Expr) -> tuple[str | int | None, str]:
    """The part of a path that an index is (None when it is worked out later), and how it is shown."""
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and isinstance(node.node.value, int):
        return -node.node.value, str(-node.node.value)
    if isinstance(node, nodes.Const) and isinstance(node.value, (str, int)) and not isinstance(node.value, bool):
        return node.value, repr(node.value)
    return None, node.name if isinstance(node, nodes.Name) else "…"
