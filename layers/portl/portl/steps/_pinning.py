"""Which content under an address a step means, as its fields ``version`` and ``etag`` say it."""

from __future__ import annotations

from portl.runs import Pin, Scope
from portl.values import Unknown, as_string, compile_value


class Pinning:
    """The two fields made ready."""

    def __init__(self, version: str | None, etag: str | None) -> None:
        self._version = compile_value(version) if version is not None else None
        self._etag = compile_value(etag) if etag is not None else None

    def of(self, scope: Scope) -> Pin | None:
        """What is pinned; None where neither field is written. One that comes to null pins nothing but the address."""
        if self._version is None and self._etag is None:
            return None
        return Pin(*(_text(each.render(scope)) if each else None for each in (self._version, self._etag)))


def _text(value: object) -> str | Unknown | None:
    return None if value is None or value == "" else as_string(value)
