"""Where expressions run: names lead to keys of mappings, places of lists and nothing else of Python."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from portl.errors import TemplateError
from portl.values._helpers import FILTERS_KEPT, HELPERS, MOST_CHARACTERS, MOST_ITEMS

TESTS_KEPT = ("defined", "undefined", "none", "in", "eq", "ne", "lt", "le", "gt", "ge", "even", "odd", "string", "number",
              "boolean", "mapping", "sequence", "true", "false", "divisibleby")  # fmt: skip
MOST_BITS = 4_096


@runtime_checkable
class Readable(Protocol):
    """What expressions may read besides mappings and lists: results that are loaded when they are named."""

    def read(self, name: str | int) -> Any:
        """The part under a name or index; KeyError or IndexError when there is none."""
        ...


class Sandbox(SandboxedEnvironment):
    """The environment of every expression."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0)
        tests = {name: self.tests[name] for name in TESTS_KEPT}
        self.filters = dict(FILTERS_KEPT)
        self.tests = tests
        self.functions = {**HELPERS, **functions}
        self.globals = dict(self.functions)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: a key of a mapping, or a part of a result."""
        return self._read(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``obj[argument]``: a key, or a place in a list."""
        return self._read(obj, argument)

    def is_safe_callable(self, obj: Any) -> bool:
        """Only the helpers can be called."""
        return any(obj is function for function in self.functions.values())

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``*``, ``**`` and ``%``, stopped before their result takes the memory."""
        if operator == "%" and isinstance(left, str):
            raise TemplateError("text cannot be formatted with %", code="T104", hint="use concat")
        if operator == "*":
            _bound_product(left, right)
        if operator == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MOST_BITS:
            raise TemplateError("the power is too large", code="T104")
        return super().call_binop(context, operator, left, right)

    def _read(self, obj: Any, name: Any) -> Any:
        try:
            if isinstance(obj, Mapping):
                return obj[name]
            if isinstance(obj, (list, tuple)) and isinstance(name, int) and not isinstance(name, bool):
                return obj[name]
            if isinstance(obj, Readable) and isinstance(name, (str, int)):
                return obj.read(name)
        except (KeyError, IndexError, TypeError):
            pass
        if isinstance(obj, StrictUndefined):
            return obj
        return self.undefined(hint=_missing(obj, name), obj=obj, name=str(name))


def _bound_product(left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (str, list, tuple)) and isinstance(other, int):
            limit = MOST_CHARACTERS if isinstance(one, str) else MOST_ITEMS
            if len(one) * other > limit:
                raise TemplateError("the repetition is too long", code="T104")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MOST_BITS:
        raise TemplateError("the product is too large", code="T104")


def _missing(obj: Any, name: Any) -> str:
    if obj is None:
        return f'"{name}" is read of null'
    if isinstance(obj, Mapping):
        near = difflib.get_close_matches(str(name), [str(key) for key in obj], n=1)
        more = f'did you mean "{near[0]}"?' if near else f"there is {', '.join(map(str, list(obj)[:10])) or 'nothing'}"
        return f'there is no "{name}"; {more}'
    if isinstance(obj, (list, tuple)):
        return f"there is no item {name} in a list of {len(obj)}"
    return f'there is no "{name}" here'


def check_names(tree: nodes.Template, sandbox: Sandbox) -> list[str]:
    """The helpers, filters and tests an expression names; unknown ones raise.

    Raises:
        TemplateError: T103, with the name that was meant.
    """
    used: list[str] = []
    for kind, known, names in (
        ("filter", sandbox.filters, [node.name for node in tree.find_all(nodes.Filter)]),
        ("test", sandbox.tests, [node.name for node in tree.find_all(nodes.Test)]),
        ("function", sandbox.functions, [_called(node) for node in tree.find_all(nodes.Call)]),
    ):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, list(known), n=1)
                hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(sorted(known))}"
                raise TemplateError(f'there is no {kind} "{name}"', code="T103", hint=hint)
            used.append(name)
    return used


def _called(call: nodes.Call) -> str:
    if isinstance(call.node, nodes.Name):
        return call.node.name
    return call.node.attr if isinstance(call.node, nodes.Getattr) else "(…)"
