"""What a peer refuses: every n-th call, some number of times, with a status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(slots=True)
class Script:
    """Refuses every ``every``-th call with ``status``, ``times`` times in all (None: always), counted from when it came.

    ``retry_after`` is in seconds. The script of a fresh peer refuses nothing, and so does ``{}``.
    """

    status: int = 503
    retry_after: float | None = None
    every: int = 1
    times: int | None = 0
    _seen: int = 0

    @classmethod
    def read(cls, document: Any) -> Self:
        """A script from JSON; a field that is left out or null has its default, ``times`` is then without end.

        Raises:
            ValueError: it is no object, a field is unknown, or a value makes no sense.
        """
        if document in (None, {}):
            return cls()
        if not isinstance(document, dict):
            raise ValueError("a script is an object")  # noqa: TRY004 - one kind of error for a bad script
        unknown = sorted(document.keys() - {"status", "retry_after", "every", "times"})
        if unknown:
            raise ValueError(f"a script has no {', '.join(unknown)}")
        return cls(
            status=_whole(document, "status", 503, 200, 599) or 503,
            retry_after=_seconds(document),
            every=_whole(document, "every", 1, 1, None) or 1,
            times=_whole(document, "times", None, 0, None),
        )

    def refuses(self) -> bool:
        """Counts a call and says whether it is to be refused."""
        self._seen += 1
        if self.times == 0 or self._seen % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def _whole(document: dict[str, Any], name: str, default: int | None, low: int, high: int | None) -> int | None:
    value = document.get(name)
    if value is None:
        return default
    if type(value) is not int or value < low or (high is not None and value > high):
        raise ValueError(f"{name} is {value!r}; it is a whole number from {low}" + (f" to {high}" if high is not None else ""))
    return value


def _seconds(document: dict[str, Any]) -> float | None:
    value = document.get("retry_after")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"retry_after is {value!r}; it is a number of seconds")
    return float(value)
