"""What of an older job cannot become a part of the steps form."""

from __future__ import annotations

from dataclasses import dataclass

Way = tuple[str | int, ...]
"""The way to a value of the older job, from its top."""


@dataclass(frozen=True, slots=True)
class Unequal:
    """A part of an older job, at ``path``, that nothing in the steps form is equal to, or that lacks something (``code``)."""

    path: Way
    code: str
    message: str
    hint: str
    part: bool = False
    """Whether the rest of the job makes a job without it."""
