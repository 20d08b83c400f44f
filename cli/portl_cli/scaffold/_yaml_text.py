"""Job YAML as a person would write it: small mappings on one line, long ones below each other, quotes where they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_/][\w/.-]*( [\w/.-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What some YAML reader takes for something else than text."""
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What YAML does not print, or takes for the end of a line. https://yaml.org/spec/1.2.2/#51-character-set"""
_SPREAD = frozenset({"mapping", "set", "json", "sql", "payload"})
"""Fields whose entries stand below each other once there are more than two."""
_FEW = 2


class Verbatim(str):
    """Text that is YAML already, such as an alias."""

    __slots__ = ()


def inline(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _in_quotes(value)
    return json.dumps(value)


def _in_quotes(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def entry(key: str, value: Any, indent: str = "") -> Iterator[str]:
    """The lines of one entry of a mapping."""
    if isinstance(value, str) and not isinstance(value, Verbatim) and "\n" in value:
        yield f"{indent}{key}: |"
        yield from (f"{indent}  {line}" for line in value.rstrip("\n").split("\n"))
        return
    line = f"{indent}{inline(key)}: {inline(value)}"
    spread = isinstance(value, Mapping) and (key in _SPREAD and len(value) > _FEW)
    if not isinstance(value, Mapping) or not (spread or len(line) > WIDTH):
        yield line
        return
    yield f"{indent}{inline(key)}:"
    for name, item in value.items():
        yield from entry(name, item, indent + "  ")


def item(value: Mapping[str, Any], indent: str = "  ") -> Iterator[str]:
    """The lines of a mapping that is an item of a list."""
    lines = [line for key, each in value.items() for line in entry(key, each, indent + "  ")]
    yield f"{indent}- {lines[0].lstrip()}"
    yield from lines[1:]
