"""How wide a text is, and how it is broken or shortened to fit. Widths are Arial's, with room for a font that is wider."""

from __future__ import annotations

import unicodedata

_WIDTHS = {
    **dict.fromkeys("ijl'|", 0.24),
    **dict.fromkeys(" !,./:;I[]\\tf`", 0.3),
    **dict.fromkeys('()-r{}"^*°·', 0.37),
    **dict.fromkeys("cksvxyzJ", 0.51),
    **dict.fromkeys("ABEKPSVXY&", 0.68),
    **dict.fromkeys("CDHNRUw", 0.74),
    **dict.fromkeys("GOQ", 0.79),
    **dict.fromkeys("mM%", 0.86),
    **dict.fromkeys("W@—…", 1.02),
}
"""Widths in ems of Helvetica and Arial, rounded up within a group. https://www.adobe.com/devnet/font.html (AFM of Helvetica)"""
_OTHER = 0.58
_WIDE = 1.05
ROOM = 1.12
"""What a sans-serif font other than Arial may need more."""
BOLD = 1.07
ELLIPSIS = "…"
_BREAK_AFTER = frozenset(" _-./,>=")


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width in pixels of a text at a font size."""
    ems = sum(_em(character) for character in text)
    return ems * size * ROOM * (BOLD if bold else 1)


def _em(character: str) -> float:
    if character in _WIDTHS:
        return _WIDTHS[character]
    if unicodedata.combining(character):
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" or ord(character) >= 0x2190 else _OTHER  # noqa: PLR2004 - signs


def wrap(text: str, limit: float, size: float, *, lines: int = 1, bold: bool = False) -> list[str]:
    """The text in at most so many lines of at most ``limit`` pixels; what does not fit is cut and ends in an ellipsis."""
    found: list[str] = []
    rest = " ".join(text.split())
    while rest and len(found) < lines:
        if width(rest, size, bold=bold) <= limit:
            return [*found, rest]
        last = len(found) == lines - 1
        line = _cut(rest, limit, size, bold=bold) if last else _head(rest, limit, size, bold=bold)
        found.append(line.rstrip())
        rest = rest[len(line) :].lstrip() if not last else ""
    return found or [""]


def _head(text: str, limit: float, size: float, *, bold: bool) -> str:
    """As much of the text as fits, up to a place where it may be broken."""
    fitting = _fitting(text, limit, size, bold=bold)
    places = [at + 1 for at in range(len(fitting)) if fitting[at] in _BREAK_AFTER]
    return text[: places[-1]] if places and places[-1] > len(fitting) // 3 else fitting


def _cut(text: str, limit: float, size: float, *, bold: bool) -> str:
    room = limit - width(ELLIPSIS, size, bold=bold)
    return _fitting(text, room, size, bold=bold).rstrip() + ELLIPSIS


def _fitting(text: str, limit: float, size: float, *, bold: bool) -> str:
    used, scale = 0.0, size * ROOM * (BOLD if bold else 1)
    for at, character in enumerate(text):
        used += _em(character) * scale
        if used > limit:
            return text[: max(at, 1)]
    return text
