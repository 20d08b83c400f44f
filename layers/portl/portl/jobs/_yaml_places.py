"""Where a character of a value stands in the file, also where YAML folds lines, takes escapes or sits in a block.

Whatever YAML does to white space, the other characters keep their order: the n-th of the value is the n-th of the file's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_BREAK = re.compile("\r\n|[\n\r]")
"""Line ends, as an editor counts them. https://yaml.org/spec/1.2.2/#54-line-break-characters"""
_HEADER = re.compile(r"[|>][^\r\n]*(?:\r\n|[\r\n])?")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r?\n|.)", re.DOTALL)
_BLANK = frozenset("tnvfr \t\n\r_NLP")
"""Escapes that stand for white space, and the line end that a backslash takes away. https://yaml.org/spec/1.2.2/#57-escaped-characters"""


@dataclass(frozen=True, slots=True)
class Written:
    """A scalar as the file has it: from ``start`` to ``end`` of the text, in characters, ``style`` as PyYAML says it."""

    start: int
    end: int
    style: str | None


def place_of(text: str, written: Written, value: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at ``offset`` of a value."""
    before = sum(not character.isspace() for character in value[:offset])
    at = written.start
    for seen, at in enumerate(_characters(text, written)):  # noqa: B007 - the last one is used when the value is shorter
        if seen == before:
            break
    return line_and_column(text, at)


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1, of a character of a text."""
    ends = [found.end() for found in _BREAK.finditer(text, 0, at)]
    return len(ends) + 1, at - (ends[-1] if ends else 0) + 1


def _characters(text: str, written: Written) -> Iterator[int]:
    """The places of a scalar's characters that are no white space."""
    at, end = written.start, written.end
    properties = _PROPERTIES.match(text, at, end)
    at = properties.end() if properties else at
    if written.style in ("|", ">"):
        header = _HEADER.match(text, at, end)
        at = header.end() if header else at
    elif written.style in ("'", '"'):
        at, end = at + 1, end - 1
    while at < end:
        step, blank = _one(text, at, written.style)
        if not blank:
            yield at
        at += step


def _one(text: str, at: int, style: str | None) -> tuple[int, bool]:
    """How many characters of the file make the one at ``at``, and whether it is white space."""
    if style == "'" and text.startswith("''", at):
        return 2, False
    escape = _ESCAPE.match(text, at) if style == '"' else None
    if escape:
        return len(escape[0]), _is_blank(escape[0][1:])
    return 1, text[at].isspace()


def _is_blank(escaped: str) -> bool:
    if escaped[0] in "xuU" and len(escaped) > 1:
        return chr(int(escaped[1:], 16)).isspace()
    return escaped[0] in _BLANK
