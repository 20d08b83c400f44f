"""Where expressions run: names lead to keys of mappings, places of lists and nothing else of Python.

Nothing that a scope holds can be called: a call is rewritten into a filter before it is compiled, and the names of filters are
those of the helpers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from jinja2 import StrictUndefined, Undefined
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from portl.values._helpers import HELPERS
from portl.values._limits import bound_operation
from portl.values._unknown import known

TESTS_KEPT = ("boolean", "defined", "divisibleby", "eq", "even", "false", "ge", "gt", "in", "le", "lt", "mapping", "ne",
              "none", "number", "odd", "sequence", "string", "true", "undefined")  # fmt: skip
PRESENT = "-present"
SLICE = "-slice"
"""Names no expression can write: what the rewriter puts where a value must be there, and where a text or list is cut."""


@runtime_checkable
class Readable(Protocol):
    """What expressions may read besides mappings and lists: results that are loaded when they are named."""

    def read(self, name: str | int) -> Any:
        """The part under a name or index; KeyError or IndexError when there is none."""
        ...


class Absent(StrictUndefined):
    """What stands for a missing part. Reading further gives it again, and counts how far behind the gap one is."""

    __slots__ = ("beyond",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beyond = 0

    def further(self) -> Absent:
        """The same gap, seen from one part further on."""
        next_one = Absent(self._undefined_hint, self._undefined_obj, self._undefined_name)
        next_one.beyond = self.beyond + 1
        return next_one

    @property
    def why(self) -> str | None:
        """The reason, when it is not a part that is not there."""
        return self._undefined_hint

    @property
    def owner(self) -> Any:
        """What was read; Jinja's own mark when it was the scope."""
        return self._undefined_obj

    @property
    def name(self) -> Any:
        """What it does not have."""
        return self._undefined_name


class Gap(Exception):
    """A value is used that is not there. ``names`` are the chain's text up to each of its parts."""

    def __init__(self, absent: Undefined, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.absent = absent
        self.names = names


def present(value: Any, names: tuple[str, ...] = ()) -> Any:
    """The value, which must be there.

    Raises:
        Gap: it is missing.
        Uncertain: only a real call would know it.
    """
    if isinstance(value, Undefined):
        raise Gap(value, names)
    return known(value)


def _defined(value: Any) -> bool:
    return not isinstance(known(value), Undefined)


def _undefined(value: Any) -> bool:
    return isinstance(known(value), Undefined)


def cut(value: Any, start: int | None, stop: int | None, step: int | None) -> Any:
    """``value[start:stop:step]`` of text or a list."""
    if not isinstance(value, (str, list, tuple)):
        raise TypeError(f"a {type(value).__name__} cannot be cut")
    return value[start:stop:step]


class Sandbox(SandboxedEnvironment):
    """The environment of every expression."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(undefined=Absent, autoescape=False, keep_trailing_newline=True, cache_size=0, optimized=False)
        self.helpers = {**HELPERS, **functions}
        self.filters = {**self.helpers, PRESENT: present, SLICE: cut}
        self.tests = {**{name: self.tests[name] for name in TESTS_KEPT}, "defined": _defined, "undefined": _undefined}
        self.globals = {}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: a key of a mapping, or a part of a result."""
        return self._read(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``obj[argument]``: a key, or a place in a list."""
        return self._read(obj, argument)

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002 - the question is Jinja's
        """Nothing can be called."""
        return False

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operation whose result could take the memory is stopped before."""
        bound_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def _read(self, obj: Any, name: Any) -> Any:
        if isinstance(obj, Absent):
            return obj.further()
        try:
            if isinstance(obj, Mapping):
                return obj[name] if name in obj else self.undefined(obj=obj, name=name)
            if isinstance(obj, (list, tuple)):
                return obj[name] if _is_index(name) else self.undefined(obj=obj, name=name)
            if isinstance(obj, Readable) and (isinstance(name, str) or _is_index(name)):
                return obj.read(name)
        except (KeyError, IndexError):
            pass
        return self.undefined(obj=obj, name=name)


def _is_index(name: Any) -> bool:
    return isinstance(name, int) and not isinstance(name, bool)
