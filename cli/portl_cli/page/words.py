"""How figures are said to people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from portl.values import redact

UNKNOWN = "-"
MILLISECONDS_BELOW = 0.1
TENTHS_BELOW = 60


def count(number: float, noun: str = "") -> str:
    """``3,500``, or with a noun ``1 chunk`` and ``7 chunks``."""
    return f"{number:,}" + (f" {noun}{'' if number == 1 else 's'}" if noun else "")


def counts(found: Mapping[str, int]) -> str:
    """``3,140 inserted, 360 updated``, the most first."""
    return ", ".join(f"{number:,} {name}" for name, number in sorted(found.items(), key=lambda each: -each[1]))


def duration(seconds: float | None) -> str:
    """``85 ms``, ``3.2 s``, ``4 min 10 s`` or ``2 h 5 min``; a dash when it is not known."""
    if seconds is None:
        return UNKNOWN
    if seconds < MILLISECONDS_BELOW:
        return f"{seconds * 1000:.0f} ms"
    if seconds < TENTHS_BELOW:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def moment(time: datetime | None) -> str:
    """``2026-11-25 01:16:39 UTC``; a dash when it is not known."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else UNKNOWN


def short(text: str, most: int) -> str:
    """The text redacted, or its beginning and how much is left out: what is cut first could leave half a secret."""
    text = redact(text)
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} characters more)"


def when(text: str | None) -> datetime | None:
    """The moment of a timestamp."""
    return datetime.fromisoformat(text) if text else None
