"""What only a real call would know, while a plan is made: it stands where the value will be, and shows what it will come from.

An ``Unknown`` is read further (``<enrich[0]>`` gives ``<enrich[0].md5>``) and put into mappings, lists and text. Whatever would
have to look into it (an operator, a helper, a test) raises ``Uncertain``, and the whole expression is then unknown.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MARK = "$unknown"
_KEPT = f"{MARK} {secrets.token_hex(8)}"
"""The mark of what this process keeps for itself: no data of a user can hold it."""


class Unknown:
    """A value nobody knows yet. ``shown`` is how it is written, ``pattern`` a regular expression its text will match."""

    __slots__ = ("pattern", "shown")

    def __init__(self, shown: str, pattern: str = ".*") -> None:
        self.shown = shown
        self.pattern = pattern

    @classmethod
    def named(cls, name: str) -> Unknown:
        """``<name>``."""
        return cls(f"<{name}>")

    def read(self, part: str | int) -> Unknown:
        """The part under a name or index: unknown too."""
        name = self.shown.removeprefix("<").removesuffix(">")
        return Unknown.named(f"{name}.{part}" if isinstance(part, str) else f"{name}[{part}]")

    __getitem__ = read

    def __iter__(self) -> Iterator[Unknown]:
        """A list nobody knows is shown by one item."""
        yield self.read(0)

    @property
    def begins(self) -> str:
        """What is known of its text from the beginning on."""
        return self.shown.partition("<")[0] if self.pattern != ".*" else ""

    def through(self, change: str) -> Unknown:
        """The value after a change that nobody can make yet: ``<enrich[0].md5 | upper>``."""
        return Unknown.named(f"{self.shown.removeprefix('<').removesuffix('>')} | {change}")

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Unknown({self.shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and other.shown == self.shown

    def __hash__(self) -> int:
        return hash(self.shown)


class Uncertain(Exception):
    """Something has to be decided or worked out of a value that is unknown."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.shown)
        self.unknown = unknown


def known(value: Any) -> Any:
    """The value, which must be known.

    Raises:
        Uncertain: it is not.
    """
    if isinstance(value, Unknown):
        raise Uncertain(value)
    return value


def may_be(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one, or might be."""
    return bool(value == wanted) or isinstance(value, Unknown)


def text_with(parts: Iterable[str | Unknown]) -> str | Unknown:
    """The parts in one text; unknown when one of them is, with what is known of it kept."""
    kept = list(parts)
    shown = "".join(str(part) for part in kept)
    if all(isinstance(part, str) for part in kept):
        return shown
    return Unknown(shown, "".join(re.escape(part) if isinstance(part, str) else part.pattern for part in kept))


def as_string(value: Any, edit: Callable[[str], str] = str) -> str | Unknown:
    """The text of a value, edited; what is unknown stays so, its known beginning edited."""
    if not isinstance(value, Unknown):
        return edit(str(value))
    begins = value.begins
    rest = Unknown(value.shown[len(begins) :], value.pattern[len(re.escape(begins)) :])
    return text_with([edit(begins), rest])


def marked(value: Any) -> Any:
    """An ``Unknown`` as JSON: ``{"$unknown": "<enrich[0].md5>"}``, with its ``pattern`` when part of its text is known.

    For ``json.dumps(default=…)``. Raises TypeError for anything else.
    """
    if isinstance(value, Unknown):
        return {MARK: value.shown, **({"pattern": value.pattern} if value.pattern != ".*" else {})}
    raise TypeError(f"a {type(value).__name__} is no JSON")


def kept(value: Any) -> Any:
    """An ``Unknown`` as JSON that this process alone reads again; as ``marked`` otherwise."""
    if isinstance(value, Unknown):
        return {_KEPT: [value.shown, value.pattern]}
    raise TypeError(f"a {type(value).__name__} is no JSON")


def revived(pairs: dict[str, Any]) -> Any:
    """What ``kept`` wrote, for ``json.loads(object_hook=…)``."""
    return Unknown(*pairs[_KEPT]) if _KEPT in pairs else pairs
